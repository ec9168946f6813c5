import DatabaseTestSupport
import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import Logging
import PostgresClient
import Projections
import Synchronization

@testable import Replays

/// A broker and a database of one test's own, with a small catalogue.
final class Bench: Sendable {
    static let partitions = 4
    static let topics = [
        "booking.events", "payment.events", "refund.events", "operation.events", "queue.events", "analytics.views", "payment.commands",
        "booking.commands", "payment.redrive",
        "expiry.redrive",
        "audit.events",
    ]

    let cluster: TestCluster
    let admin: KafkaAdmin
    let producer: KafkaProducer
    let database: PostgresClient
    /// Where the database is, for other processes.
    let databaseURL: String
    let audited = Mutex<[AuditEntry]>([])
    let zones: [ZoneID]
    private let tenant = UUID().uuidString.lowercased()
    private let event = UUID().uuidString.lowercased()
    private let show = UUID().uuidString.lowercased()

    init() async throws {
        let cluster = try TestCluster()
        self.cluster = cluster
        let admin = try cluster.admin()
        self.admin = admin
        producer = try cluster.producer()
        // A client that has never met a broker may wait for the cluster's controller in vain (librdkafka 2.0.2).
        _ = await eventually { (try? await admin.brokerCount()) == 1 }
        for topic in Self.topics { try await admin.createTopic(topic, partitions: Self.partitions, configs: TestCluster.keepsAll) }
        (database, databaseURL) = try await TestDatabase.fresh()
        zones = (0..<3).compactMap { _ in ZoneID(UUID().uuidString) }
        try await seed(database)
    }

    /// Runs a test with a bench, and takes it down.
    static func with(_ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench()
        do {
            try await body(bench)
            await bench.end()
        } catch {
            await bench.end()
            throw error
        }
    }

    private func end() async {
        await admin.shutdown()
        await producer.shutdown(flush: .seconds(2))
        await database.shutdown()
        cluster.broker?.kill()
    }

    func desk(on other: PostgresClient? = nil, stopFleet: ReplayDesk.StopFleet? = nil) -> ReplayDesk {
        ReplayDesk(
            database: other ?? database, bootstrapServers: cluster.bootstrap, audit: { entry in self.audited.withLock { $0.append(entry) } },
            stopFleet: stopFleet, logger: .quiet)
    }

    // MARK: PostgreSQL

    /// Writes the catalogue.
    func seed(_ database: PostgresClient) async throws {
        let zones = zones.map(\.description)
        let (tenant, event, show) = (tenant, event, show)
        try await database.withConnection { connection in
            try connection.execute(
                script: """
                    INSERT INTO tenants (id, slug, name) VALUES ('\(tenant)', 't', 'T');
                    INSERT INTO events (id, tenant_id, slug, title, status, sale_opens_at)
                        VALUES ('\(event)', '\(tenant)', 'e', 'E', 'published', '2026-01-01');
                    INSERT INTO shows (id, tenant_id, event_id, starts_at, ends_at, sale_closes_at)
                        VALUES ('\(show)', '\(tenant)', '\(event)', '2027-01-01', '2027-01-02', '2027-01-01');
                    """)
            for zone in zones {
                try connection.execute(
                    script: """
                        INSERT INTO seat_zones (id, tenant_id, event_id, show_id, name, price_minor, currency, seating, capacity, available)
                        VALUES ('\(zone)', '\(tenant)', '\(event)', '\(show)', 'Z', 100, 'THB', 'general', 1000, 1000)
                        """)
            }
        }
    }

    // MARK: Messages

    /// A record of booking.events.
    func booking(_ id: BookingID, version: Int64, _ status: BookingStatus = .reserved, zone: Int = 0, counts: Int64) -> KafkaRecord {
        let at = 1_700_000_000_000 + version * 1000
        let value = """
            {"booking_id":"\(id)","tenant_id":"\(tenant)","event_id":"\(event)","show_id":"\(show)","zone_id":"\(zones[zone])","user_id":"\(tenant)",\
            "quantity":1,"unit_price_minor":100,"total_minor":100,"currency":"THB","status":"\(status.rawValue)","version":\(version),\
            "created_at_ms":1700000000000,"expires_at_ms":1700000600000,"updated_at_ms":\(at),"idempotency_key":"key","body_hash":"hash",\
            "zone":{"capacity":1000,"available":\(1000 - counts),"held":\(counts),"sold":0,"version":\(counts)}}
            """
        return record("booking.events", key: "\(id)", type: version == 1 ? "booking.created.v1" : "booking.confirmed.v1", value, at: at)
    }

    func record(_ topic: String, key: String, type: String, _ value: String, at: Int64 = 1_700_000_000_000) -> KafkaRecord {
        KafkaRecord(
            topic: topic, key: Array(key.utf8), value: Array(value.utf8),
            headers: [KafkaHeader(name: "ce_id", text: UUID().uuidString), KafkaHeader(name: "ce_type", text: type)], timestampMs: at)
    }

    func send(_ records: [KafkaRecord]) async throws {
        for result in await producer.send(records) { _ = try result.get() }
    }

    static func id<Kind: ShardedKind>() -> Identifier<Kind> { .make(nowMs: 1_700_000_000_000, shard: Shard(truncating: 3)) }

    /// Writes `count` bookings with two transitions each.
    @discardableResult
    func fill(_ count: Int, countsFrom first: Int64 = 1) async throws -> [BookingID] {
        let ids = (0..<count).map { _ -> BookingID in Self.id() }
        try await send(ids.enumerated().map { booking($1, version: 1, zone: $0 % 2, counts: first + Int64($0)) })
        try await send(ids.enumerated().map { booking($1, version: 2, .confirmed, zone: $0 % 2, counts: first + Int64(count + $0)) })
        return ids
    }

    /// Does what inventory-sync does: from where it is to the end of the topic.
    func project(into other: PostgresClient? = nil) async throws {
        let database = other ?? database
        let writer = ProjectionWriter(BookingProjection(), offsets: ProjectionOffsets(group: "inventory-sync"), database: database)
        let done = try await database.withConnection { try writer.offsets.read(on: $0) }
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (number, kept) in try await admin.offsets(topic: "booking.events") {
            let partition = KafkaTopicPartition(topic: "booking.events", partition: number)
            let begin = done[partition] ?? kept.low
            if begin < kept.high { ranges[partition] = begin..<kept.high }
        }
        try await desk().reading(ranges) { _ = try await writer.applyReadable($0, next: $0.next) }
    }

    /// Every record of a topic.
    func all(_ topic: String) async throws -> [KafkaMessage] {
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (number, kept) in try await admin.offsets(topic: topic) {
            ranges[KafkaTopicPartition(topic: topic, partition: number)] = kept.low..<kept.high
        }
        var messages: [KafkaMessage] = []
        try await desk().reading(ranges) { messages += $0 }
        return messages
    }

    /// Rows as text, in the order of their ids.
    func rows(_ table: String, _ other: PostgresClient? = nil, columns: String = "*") async throws -> [String] {
        try await (other ?? database).query("SELECT t::text AS row FROM (SELECT \(columns) FROM \(table) ORDER BY id) t").map { try $0.string("row") }
    }

    /// What hangs on a table, as text.
    func shape(_ table: String) async throws -> [String] {
        try await database.withConnection { connection in
            let shape = try TableShape(table, in: "public", connection)
            return shape.columns + (shape.keys + shape.indexes + shape.foreignKeys).map { "\($0.name) \($0.definition)" }
                + shape.incoming.map { "\($0.table) \($0.name) \($0.definition)" } + shape.grants + [shape.owner]
        }
    }
}

/// Ends a replay as a crash would: what is thrown keeps it from saying so.
struct Crash: Error {}

extension ReplayDesk {
    /// The same, that crashes when it comes to a place for the `count`th time, and then does nothing more.
    func crashing(at place: String, count: Int = 1) -> ReplayDesk {
        let left = Left(count)
        var desk = self
        desk.checkpoint = { name in
            if left.isOver { throw Crash() }
            if "\(name)" == place, left.down() { throw Crash() }
        }
        return desk
    }

    private final class Left: Sendable {
        private let count: Mutex<Int>
        init(_ count: Int) { self.count = Mutex(count) }
        var isOver: Bool { count.withLock { $0 <= 0 } }
        func down() -> Bool {
            count.withLock { count in
                count -= 1
                return count <= 0
            }
        }
    }
}

extension PostgresClient {
    /// Lets the leases of processes that are gone run out.
    func expireLeases() async throws {
        _ = try await query("UPDATE replays SET leased_until = now() - interval '1 second'")
    }
}
