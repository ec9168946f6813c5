public import Domain
import KafkaClient
public import Logging
public import PostgresClient

/// What an operator does about dead letters. Used by `rushctl dlq` and by the ops worker alike.
///
/// The records stay on the DLQ topics for ever; the table `dead_letters` is an index of them and says what became of each.
public struct DeadLetterDesk: Sendable {
    let database: PostgresClient
    let bootstrapServers: String
    let audit: @Sendable (AuditEntry) async throws -> Void
    let logger: Logger
    /// Called between any two steps of a redrive; tests end one here as a crash would.
    var checkpoint: @Sendable (StaticString) throws -> Void = { _ in }

    /// - Parameters:
    ///   - database: must be started.
    ///   - audit: called before anything is changed, and at the end; what it throws keeps the action from beginning.
    public init(
        database: PostgresClient, bootstrapServers: String, audit: @escaping @Sendable (AuditEntry) async throws -> Void, logger: Logger
    ) {
        self.database = database
        self.bootstrapServers = bootstrapServers
        self.audit = audit
        self.logger = logger
    }

    /// Takes what is new on the DLQ topics into the index. Everything below knows only what is in there.
    /// - Returns: how many are new.
    @discardableResult
    public func catchUp() async throws(DeadLettersError) -> Int {
        do {
            return try await withAdmin { admin in
                try await DeadLetterIndex(database: database, bootstrapServers: bootstrapServers, logger: logger).catchUp(admin)
            }
        } catch {
            throw DeadLettersError(error, "read the DLQ topics")
        }
    }

    /// Failures by worker, error class and place in the code; the most frequent first.
    public func groups(_ filter: DeadLetterFilter = DeadLetterFilter(status: .open)) async throws(DeadLettersError) -> [DeadLetterGroup] {
        do {
            let condition = Condition(filter)
            return try await database.query(DeadLetterGroup.query(condition), condition.parameters).map { try DeadLetterGroup($0) }
        } catch {
            throw DeadLettersError(error, "group dead letters")
        }
    }

    /// A page of dead letters, the latest failure first.
    /// - Parameters:
    ///   - page: from 1.
    ///   - perPage: 1 to 1,000.
    /// - Returns: the page, and how many there are in all.
    public func list(_ filter: DeadLetterFilter, page: Int = 1, perPage: Int = 50) async throws(DeadLettersError) -> (
        letters: [DeadLetter], total: Int
    ) {
        do {
            let condition = Condition(filter)
            let total = try await count(condition)
            let perPage = min(max(perPage, 1), 1_000)
            let rows = try await database.query(
                """
                SELECT \(DeadLetter.columns) FROM dead_letters WHERE \(condition.sql)
                ORDER BY last_failed_at DESC, topic, partition, record_offset DESC LIMIT \(perPage) OFFSET \(min(max(page, 1), 1_000_000) * perPage - perPage)
                """, condition.parameters)
            return (try rows.map { try DeadLetter($0) }, total)
        } catch {
            throw DeadLettersError(error, "list dead letters")
        }
    }

    /// How many of each consumer group nobody has redriven or discarded; groups without any are left out.
    public func openCounts() async throws(DeadLettersError) -> [String: Int] {
        do {
            var counts: [String: Int] = [:]
            for row in try await database.query("SELECT consumer_group, count(*) AS count FROM dead_letters WHERE status = 'open' GROUP BY 1") {
                counts[try row.string("consumer_group")] = try row.int("count")
            }
            return counts
        } catch {
            throw DeadLettersError(error, "count dead letters")
        }
    }

    func count(_ condition: Condition) async throws -> Int {
        let rows = try await database.query("SELECT count(*) AS count FROM dead_letters WHERE \(condition.sql)", condition.parameters)
        return try rows.first?.int("count") ?? 0
    }

    var reader: LetterReader { LetterReader(bootstrapServers: bootstrapServers, logger: logger) }

    func withAdmin<T: Sendable>(_ body: (KafkaAdmin) async throws -> T) async throws -> T {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "dead-letters"), logger: logger)
        do {
            let result = try await body(admin)
            await admin.shutdown()
            return result
        } catch {
            await admin.shutdown()
            throw error
        }
    }

    func withProducer<T: Sendable>(_ body: (KafkaProducer) async throws -> T) async throws -> T {
        var configuration = KafkaProducerConfiguration(bootstrapServers: bootstrapServers, clientID: "dead-letters")
        configuration.messageTimeout = Redrive.sendLimit
        let producer = try KafkaProducer(configuration: configuration, logger: logger)
        do {
            let result = try await body(producer)
            await producer.shutdown(flush: .seconds(5))
            return result
        } catch {
            await producer.shutdown(flush: .zero)
            throw error
        }
    }

    /// Does something that is audited: an entry before it begins, and one at its end.
    func audited<Report: Encodable & Sendable>(
        _ action: String, id: String, actor: AuditActor, asked: some Encodable, _ body: () async throws -> Report
    ) async throws -> Report {
        func entry(_ outcome: AuditEntry.Outcome, _ new: [UInt8]) -> AuditEntry {
            AuditEntry(
                actor: actor, action: action, entity: "dead_letters", entityID: id, outcome: outcome, new: new, at: Timestamp(ms: WallClock.nowMs()))
        }
        try await audit(entry(.accepted, Self.json(asked)))
        do {
            let report = try await body()
            try await audit(entry(.succeeded, Self.json(report)))
            return report
        } catch {
            // What failed is the news; that it could not be told of is not.
            try? await audit(entry(.failed, Self.json(["error": DeadLettersError(error, action).code.rawValue])))
            throw error
        }
    }
}
