import AuditLog
import KafkaClient
import Topics

/// Reads what the audit's group has committed and its chains have no row of.
enum AuditTail {
    /// How long a partition may give nothing.
    private static let limit = 30

    /// Hands on the records without a row, in batches: copies, what is no audit record, what was exported, and rows that are gone.
    static func read(
        _ report: AuditReport, group: String, bootstrapServers: String, _ take: ([KafkaMessage]) async throws -> Void
    ) async throws {
        let wanted = try await wanted(report, group: group, bootstrapServers: bootstrapServers)
        if wanted.isEmpty { return }
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-audit"), logger: Connections.logger)
        do {
            try await read(wanted, consumer, take)
            _ = await consumer.close()
        } catch {
            _ = await consumer.close()
            throw error
        }
    }

    /// The offsets of each partition that are still on the topic and were committed, in their order.
    private static func wanted(
        _ report: AuditReport, group: String, bootstrapServers: String
    ) async throws -> [KafkaTopicPartition: [Range<Int64>]] {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-audit"), logger: Connections.logger)
        var wanted: [KafkaTopicPartition: [Range<Int64>]] = [:]
        do {
            let committed = try await admin.committedOffsets(group: group).filter { Topic(rawValue: $0.key.topic) != Topic.redrives(of: group) }
            for topic in Set(committed.keys.map(\.topic)) {
                for (number, kept) in try await admin.offsets(topic: topic) {
                    let partition = KafkaTopicPartition(topic: topic, partition: number)
                    guard let next = committed[partition] else { continue }
                    let (gaps, reach) = report.without[partition] ?? ([], 0)
                    let ranges = (gaps + (next > reach ? [reach..<next] : [])).map { $0.clamped(to: kept.low..<max(kept.low, kept.high)) }
                    wanted[partition] = ranges.filter { !$0.isEmpty }
                }
            }
            await admin.shutdown()
        } catch {
            await admin.shutdown()
            throw error
        }
        return wanted.filter { !$0.value.isEmpty }
    }

    private static func read(
        _ wanted: [KafkaTopicPartition: [Range<Int64>]], _ consumer: KafkaConsumer, _ take: ([KafkaMessage]) async throws -> Void
    ) async throws {
        try await consumer.assign(wanted.compactMapValues { $0.first.map { .at($0.lowerBound) } })
        var left = wanted
        var idle = 0
        while !left.isEmpty {
            let batch = try await consumer.next(max: 5_000, wait: .seconds(1))
            idle = batch.messages.isEmpty ? idle + 1 : 0
            if idle > limit {
                throw KafkaError(
                    .timeout, operation: "read the topics",
                    message: "no records of \(left.keys.sorted().map(\.description).joined(separator: ", ")) came")
            }
            try await take(batch.messages.filter { takes($0, &left) })
        }
    }

    /// Whether a record is among the wanted; ranges that it leaves behind are taken off.
    private static func takes(_ message: KafkaMessage, _ left: inout [KafkaTopicPartition: [Range<Int64>]]) -> Bool {
        guard let ranges = left[message.topicPartition], let first = ranges.first else { return false }
        let rest = ranges.drop { $0.upperBound <= message.offset + 1 }
        left[message.topicPartition] = rest.isEmpty ? nil : Array(rest)
        return first.contains(message.offset)
            || ranges.dropFirst().prefix { $0.lowerBound <= message.offset }.contains { $0.contains(message.offset) }
    }
}
