import AuditLog
import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import LocalStack
import Logging
import Migrations
import PostgresClient
import Synchronization

/// A database of one test's own, with the audit's tables, and messages for it.
struct Archive: Sendable {
    static let seal = AuditSeal(secret: "a secret of these tests, 32 bytes or more")

    /// As its owner, who may do anything.
    let owner: PostgresClient
    /// As the worker.
    let worker: PostgresClient
    let url: String
    let writer = AuditWriter(seal: seal)
    var verifier: AuditVerifier { AuditVerifier(database: owner, seal: Self.seal) }

    private static let server = Task { () throws -> LocalStack in
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("audit-\(UUID().uuidString)").path
        folder.withLock { $0 = directory }
        atexit { try? FileManager.default.removeItem(atPath: Archive.folder.withLock { $0 }) }
        let stack = try LocalStack(LocalStackConfiguration(directory: directory, binaries: "/nonexistent"))
        try await stack.startPostgres()
        return stack
    }
    private static let folder = Mutex("/nonexistent")

    /// Runs a test with an archive, and closes it.
    static func with(_ body: (Archive) async throws -> Void) async throws {
        let url = try await server.value.endpoints.databaseURL
        let name = "audit_\(UUID().uuidString.prefix(8).lowercased())"
        let main = PostgresClient(configuration: try PostgresConfiguration(url: url, poolSize: 1), logger: .quiet)
        try main.start()
        _ = try await main.query("CREATE DATABASE \(name)")
        await main.shutdown()
        let own = String(url.prefix { $0 != "?" }.split(separator: "/").dropLast().joined(separator: "/")).replacing(":/", with: "://") + "/\(name)"
        let owner = PostgresClient(configuration: try PostgresConfiguration(url: own, poolSize: 4), logger: .quiet)
        try owner.start()
        _ = try await Migrator(database: owner).up()
        var limited = try PostgresConfiguration(url: own, poolSize: 4)
        limited.role = "booking_audit"
        let worker = PostgresClient(configuration: limited, logger: .quiet)
        try worker.start()
        let archive = Archive(owner: owner, worker: worker, url: own)
        do {
            try await body(archive)
        } catch {
            await archive.close()
            throw error
        }
        await archive.close()
    }

    private func close() async {
        await worker.shutdown()
        await owner.shutdown()
    }

    /// What the worker does with a batch.
    @discardableResult
    func add(_ records: [AuditRecord]) async throws -> Int {
        let writer = writer
        return try await worker.transaction { try writer.add(records, to: $0) }
    }

    /// As whoever owns the database, with what holds back mistakes switched off.
    func tamper(_ statement: String) async throws {
        try await owner.withConnection { connection in
            try connection.execute(script: "SET session_replication_role = replica; \(statement); SET session_replication_role = origin")
        }
    }

    func count(_ statement: String) async throws -> Int { try await owner.query("SELECT count(*) AS n FROM \(statement)")[0].int("n") }

    /// Everything that the rows say, in the order of their chains.
    func rows() async throws -> [String] {
        try await owner.query(
            """
            SELECT concat_ws(' ', c.topic, c.partition_id, l.seq, l.at, l.message_id, l.actor, l.action, l.old_values, l.new_values, l.source_offset, l.hash)
                AS row FROM audit_logs AS l JOIN audit_chains AS c ON c.id = l.chain_id ORDER BY c.topic, c.partition_id, l.seq
            """
        ).map { try $0.string("row") }
    }

    // MARK: Messages

    static let tenant = TenantID(UUIDBits(high: 7, low: 7))
    static let now: Int64 = 1_790_000_000_000
    /// Four years before ``now``.
    static let longAgo: Int64 = now - 4 * 365 * 86_400_000

    static func entry(_ number: Int, partition: Int32 = 0, offset: Int64? = nil, atMs: Int64? = nil, new: String? = nil) -> KafkaMessage {
        let entry = AuditEntry(
            id: "entry-\(number)", actor: .operator("root"), action: "dlq.redrive", entity: "dead_letters", entityID: "job-\(number % 3)",
            outcome: .accepted, tenant: number % 2 == 0 ? tenant : nil, new: new.map { Array($0.utf8) },
            origin: RequestOrigin(address: "10.0.0.1", agent: "rushctl", requestID: "request-\(number)"),
            at: Timestamp(ms: atMs ?? now + Int64(number)))
        return KafkaMessage(
            topic: "audit.events", partition: partition, offset: offset ?? Int64(number), key: Array(entry.entityID.utf8), value: entry.json,
            headers: [
                KafkaHeader(name: "ce_id", text: entry.id), KafkaHeader(name: "ce_type", text: "audit.recorded.v1"),
                KafkaHeader(name: "traceparent", text: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ], timestampMs: now)
    }

    static func entries(_ numbers: Range<Int>, partition: Int32 = 0, atMs: Int64? = nil) throws -> [AuditRecord] {
        try numbers.map { try AuditRecord(entry($0, partition: partition, atMs: atMs.map { at in at })) }
    }

    static func booking(
        _ id: BookingID, version: Int64, _ status: String, type: String, offset: Int64, payment: String? = nil, more: String = "",
        headers: [KafkaHeader] = []
    ) -> KafkaMessage {
        let nobody = "00000000-0000-0000-0000-000000000009"
        let value = """
            {"booking_id":"\(id)","tenant_id":"\(tenant)","event_id":"\(nobody)","show_id":"\(nobody)","zone_id":"\(nobody)","user_id":"\(nobody)",\
            "quantity":2,"unit_price_minor":100,"total_minor":200,"currency":"THB","status":"\(status)","version":\(version),\
            "created_at_ms":\(now),"expires_at_ms":\(now + 600_000),"updated_at_ms":\(now + version * 10),"idempotency_key":"key","body_hash":"hash",\
            \(payment.map { "\"payment_state\":\"\($0)\"," } ?? "")\(more)"zone":{"capacity":10,"available":8,"held":2,"sold":0,"version":\(version)}}
            """
        return KafkaMessage(
            topic: "booking.events", partition: 1, offset: offset, key: Array("\(id)".utf8), value: Array(value.utf8),
            headers: [KafkaHeader(name: "ce_id", text: "\(id)-\(version)"), KafkaHeader(name: "ce_type", text: type)] + headers, timestampMs: now)
    }

    static func newBooking() -> BookingID { .make(nowMs: now, shard: Shard(truncating: 3)) }
}
