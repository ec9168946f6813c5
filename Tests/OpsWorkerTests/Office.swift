import Domain
import Foundation
import KafkaClient
import Logging
import PostgresClient
import Synchronization
import Testing
import WorkerRuntime

@testable import OpsWorker

/// The jobs of one test, and copies of the worker that work at them, without topics and tools.
final class Office: Sendable {
    let database: PostgresClient
    /// What was told, in order.
    let told = Mutex<[KafkaRecord]>([])
    let finished = Mutex<[Domain.Operation]>([])
    /// Until when nothing can be told, in tries.
    let deafFor = Mutex(0)
    /// How many tellings are cut short right behind what was told, before that can be noted.
    let forgetsFor = Mutex(0)

    struct Deaf: Error {}

    init() async throws {
        database = try await TestDatabase.shared.value.database
        _ = try await database.query("DELETE FROM ops_jobs", [])
    }

    var teller: JobTeller {
        JobTeller(
            finish: { operations in self.finished.withLock { $0 += operations } },
            send: { records in
                let isDeaf = self.deafFor.withLock { left in
                    defer { left = max(0, left - 1) }
                    return left > 0
                }
                if isDeaf { throw Deaf() }
                self.told.withLock { $0 += records }
                let isForgotten = self.forgetsFor.withLock { left in
                    defer { left = max(0, left - 1) }
                    return left > 0
                }
                if isForgotten { throw Deaf() }
            })
    }

    func store(_ owner: String = UUID().uuidString, lease: Duration = .seconds(5)) -> JobStore {
        JobStore(database: database, owner: owner, lease: lease)
    }

    /// A copy of the worker.
    func runner(lease: Duration = .seconds(5), _ work: @escaping @Sendable (Job, @escaping JobRunner.Progress) async throws -> [UInt8]) -> JobRunner {
        var limits = JobRunner.Limits()
        limits.interval = .milliseconds(20)
        limits.heartbeat = .milliseconds(50)
        limits.pause = .milliseconds(50)
        return JobRunner(store: store(lease: lease), work: work, teller: teller, limits: limits, logger: Logger(label: "test"))
    }

    /// Takes a command in, as a message.
    func ask(_ request: OpsRequest = .discard(.init(filter: Array("{}".utf8), reason: "a test"))) async throws -> OpsCommand {
        let command = OpsCommand(
            operation: .make(nowMs: Timestamp.now.ms, shard: Shard(truncating: 7)), user: UserID(.version7(nowMs: 1, shard: Shard(truncating: 0))),
            request: request, origin: .init(address: "127.0.0.1", agent: "test", requestID: "r"))
        try await deliver(command)
        return command
    }

    func deliver(_ command: OpsCommand) async throws { _ = try await handler.handle(Delivery(message(command))) }

    /// Gives a command up, as the runtime does once its message stands among the dead letters.
    func giveUp(_ command: OpsCommand) async throws {
        try await handler.gaveUp([GivenUpMessage(message: message(command), failure: Failure(.retry, label: "odd", message: "odd"))])
    }

    private var handler: OpsHandler { OpsHandler(store: store(), teller: teller) }

    private func message(_ command: OpsCommand) -> KafkaMessage {
        KafkaMessage(
            topic: "ops.commands", partition: 0, offset: 0, key: nil, value: command.json,
            headers: [KafkaHeader(name: "ce_type", value: Array(command.request.messageType.rawValue.utf8))], timestampMs: 0)
    }

    /// The row's status and whether its end was told.
    func state(_ id: OperationID) async throws -> String {
        let rows = try await database.query(
            """
            SELECT j.status || CASE WHEN j.told THEN ' told' ELSE '' END || coalesce(' ' || o.status || coalesce(' ' || o.error_code, ''), '') AS state
            FROM ops_jobs j LEFT JOIN operations o ON o.id = j.id WHERE j.id = $1::uuid
            """, [.text(id.description)])
        return try rows.first?.string("state") ?? "none"
    }

    /// Runs copies until a condition holds, then stops them as SIGKILL would not: cancelled, and waited for.
    func run(_ copies: [JobRunner], until condition: @escaping @Sendable () async throws -> Bool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for copy in copies { group.addTask { try await copy.run() } }
            defer { group.cancelAll() }
            let deadline = ContinuousClock.now + .seconds(20)
            while try await !condition() {
                if ContinuousClock.now > deadline {
                    Issue.record("not within 20 s")
                    return
                }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    /// The audit entries that were told, each once.
    func audit() throws -> [String: AuditEntry] {
        var entries: [String: AuditEntry] = [:]
        for record in told.withLock({ $0 }) where record.topic == "audit.events" {
            let entry = try AuditEntry(json: record.value ?? [])
            entries[entry.id] = entry
        }
        return entries
    }

    /// The messages of an id, as often as they were told: their headers, which have the id and the time, and their values.
    func tellings(_ id: String) -> [String] {
        told.withLock { $0 }.filter { $0.headers.text("ce_id") == id }.map { record in
            let headers = record.headers.map { header in "\(header.name): \(header.text)" }
            return headers.joined(separator: "\n") + "\n" + String(decoding: record.value ?? [], as: UTF8.self)
        }
    }
}
