import DatabaseTestSupport
import Domain
import KafkaClient
import KafkaTestSupport
import Logging
import PostgresClient
import Synchronization
import Topics

@testable import DeadLetters

/// A broker with the declared topics and a database of one test's own.
final class Desk: Sendable {
    let cluster: TestCluster
    let admin: KafkaAdmin
    let producer: KafkaProducer
    let database: PostgresClient
    let audited = Mutex<[AuditEntry]>([])

    private init() async throws {
        let cluster = try TestCluster()
        self.cluster = cluster
        admin = try cluster.admin()
        producer = try cluster.producer()
        let admin = admin
        // A client that has never met a broker may wait for the cluster's controller in vain (librdkafka 2.0.2).
        _ = await eventually { (try? await admin.brokerCount()) == 1 }
        for topic in Topic.allCases { try await admin.createTopic(topic.name, partitions: 2, configs: TestCluster.keepsAll) }
        database = try await TestDatabase.fresh().client
    }

    /// Runs a test with a desk, and takes it down.
    static func with(_ body: (Desk) async throws -> Void) async throws {
        let desk = try await Desk()
        do {
            try await body(desk)
            await desk.end()
        } catch {
            await desk.end()
            throw error
        }
    }

    private func end() async {
        await admin.shutdown()
        await producer.shutdown(flush: .seconds(2))
        await database.shutdown()
        cluster.broker?.kill()
    }

    func desk(checkpoint: @escaping @Sendable (StaticString) throws -> Void = { _ in }) -> DeadLetterDesk {
        var desk = DeadLetterDesk(
            database: database, bootstrapServers: cluster.bootstrap, audit: { entry in self.audited.withLock { $0.append(entry) } }, logger: .quiet)
        desk.checkpoint = checkpoint
        return desk
    }

    /// What is open once the index is up to date.
    func open() async throws -> [String: Int] {
        try await desk().catchUp()
        return try await desk().openCounts()
    }

    // MARK: Records

    /// A dead letter of the payment worker as the runtime writes it.
    static func letter(
        _ id: String, value: [UInt8], partition: Int32 = 0, error: String = "no", errorClass: String = "gateway",
        site: String = "Payment/Saga.swift:7",
        redrives: Int = 0, offset: Int64, type: String = "payment.charge.v1"
    ) -> KafkaRecord {
        var headers = [
            KafkaHeader(name: "ce_id", text: id), KafkaHeader(name: "ce_type", text: type), KafkaHeader(name: "x", value: [0, 255, 7]),
            KafkaHeader(name: "traceparent", text: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ]
        if redrives > 0 { headers.append(KafkaHeader(name: "redrive_count", text: "\(redrives)")) }
        for (name, text) in [
            ("dlq_topic", "payment.commands"), ("dlq_partition", "\(partition)"), ("dlq_offset", "\(offset)"), ("dlq_attempts", "4"),
            ("dlq_first_failure", "2026-11-21T10:00:00.000Z"), ("dlq_last_failure", "2026-11-21T10:00:07.000Z"), ("dlq_error_class", errorClass),
            ("dlq_error", error), ("dlq_group", "payment"), ("dlq_build", "b"), ("dlq_site", site),
        ] { headers.append(KafkaHeader(name: name, text: text)) }
        return KafkaRecord(
            topic: "payment.dlq", partition: partition, key: Array("key-\(id)".utf8), value: value, headers: headers, timestampMs: 1_700_000_000_000)
    }

    /// Writes that many dead letters, half of them on each partition.
    func bury(_ count: Int) async throws {
        try await send((0..<count).map { Self.letter("m\($0)", value: Array("{\"n\":\($0)}".utf8), partition: Int32($0 % 2), offset: Int64($0)) })
    }

    func send(_ records: [KafkaRecord]) async throws {
        for result in await producer.send(records) { _ = try result.get() }
    }

    /// Everything on a topic.
    func everything(_ topic: Topic) async throws -> [KafkaMessage] {
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (number, kept) in try await admin.offsets(topic: topic.name) {
            ranges[KafkaTopicPartition(topic: topic.name, partition: number)] = kept.low..<kept.high
        }
        let messages = Mutex<[KafkaMessage]>([])
        try await LetterReader(bootstrapServers: cluster.bootstrap, logger: .quiet).scan(ranges) { message in messages.withLock { $0.append(message) }
        }
        return messages.withLock { $0 }
    }

    /// How many rows have each status.
    func statuses() async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for row in try await database.query("SELECT status, count(*) AS count FROM dead_letters GROUP BY 1") {
            counts[try row.string("status")] = try row.int("count")
        }
        return counts
    }
}
