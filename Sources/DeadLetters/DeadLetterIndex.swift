import Domain
import KafkaClient
import Logging
import PostgresClient
import Topics

/// Takes what is new on the DLQ topics into `dead_letters`. Any number of copies may do that at once.
struct DeadLetterIndex: Sendable {
    /// What the names of DLQ topics end with.
    static let suffix = ".dlq"
    /// Records that are written in one transaction.
    static let portion = 500
    /// An arbitrary number that only those lock who write to the index; so two copies of one failure are told apart.
    private static let lock: Int64 = 0x646c_71

    let database: PostgresClient
    let bootstrapServers: String
    let logger: Logger

    /// The declared DLQ topics.
    static var topics: [Topic] { Topic.allCases.filter { $0.name.hasSuffix(suffix) } }

    /// Reads from where the index is to the end of each topic, as it is now.
    /// - Returns: how many are new.
    func catchUp(_ admin: KafkaAdmin) async throws -> Int {
        var positions: [KafkaTopicPartition: Int64] = [:]
        for row in try await database.query("SELECT topic, partition, next_offset FROM dead_letter_positions") {
            let partition = KafkaTopicPartition(topic: try row.string("topic"), partition: Int32(clamping: try row.int("partition")))
            positions[partition] = try row.int64("next_offset")
        }
        let existing = Set(try await admin.topics().map(\.name))
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for topic in Self.topics where existing.contains(topic.name) {
            for (number, kept) in try await admin.offsets(topic: topic.name) {
                let partition = KafkaTopicPartition(topic: topic.name, partition: number)
                let start = max(positions[partition] ?? 0, kept.low)
                if start < kept.high { ranges[partition] = start..<kept.high }
            }
        }
        if ranges.isEmpty { return 0 }
        var count = 0
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "dead-letters", ranges: ranges, logger: logger)
        do {
            while let messages = try await reader.next(max: Self.portion) { count += try await take(messages) }
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
        return count
    }

    private func take(_ messages: [KafkaMessage]) async throws -> Int {
        let nowMs = WallClock.nowMs()
        return try await database.transaction { connection in
            _ = try connection.query("SELECT pg_advisory_xact_lock($1)", [.int(Self.lock)])
            var count = 0
            var next: [KafkaTopicPartition: Int64] = [:]
            for message in messages {
                count += try connection.query(IndexEntry.insertion, IndexEntry(message: message).parameters(nowMs: nowMs)).count
                next[message.topicPartition] = max(next[message.topicPartition] ?? 0, message.offset + 1)
            }
            for (partition, offset) in next {
                _ = try connection.query(
                    """
                    INSERT INTO dead_letter_positions AS p (topic, partition, next_offset) VALUES ($1, $2::int, $3::bigint)
                    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = greatest(p.next_offset, excluded.next_offset), updated_at = now()
                    """, [.text(partition.topic), .int(Int64(partition.partition)), .int(offset)])
            }
            return count
        }
    }
}
