import AuditLog
import KafkaClient
import Topics

/// Reads what the audit's group has committed and its chains do not reach.
enum AuditTail {
    /// Records that are looked at together.
    private static let batch = 1_000
    /// How long a partition may give nothing.
    private static let limit = 30

    /// Batches of the records between each chain's end and the group's offset; mostly there are none.
    static func read(_ verifier: AuditVerifier, group: String, bootstrapServers: String) async throws -> [[KafkaMessage]] {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-audit"), logger: Connections.logger)
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        do {
            // First what was committed: the chains only get longer.
            let committed = try await admin.committedOffsets(group: group)
            let ends = try await verifier.ends()
            for (partition, next) in committed where Topic(rawValue: partition.topic) != Topic.redrives(of: group) {
                let end = ends[partition] ?? 0
                if next > end { ranges[partition] = end..<next }
            }
            await admin.shutdown()
        } catch {
            await admin.shutdown()
            throw error
        }
        if ranges.isEmpty { return [] }
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-audit"), logger: Connections.logger)
        do {
            let messages = try await read(ranges, consumer)
            _ = await consumer.close()
            return stride(from: 0, to: messages.count, by: batch).map { Array(messages[$0..<min($0 + batch, messages.count)]) }
        } catch {
            _ = await consumer.close()
            throw error
        }
    }

    private static func read(_ ranges: [KafkaTopicPartition: Range<Int64>], _ consumer: KafkaConsumer) async throws -> [KafkaMessage] {
        try await consumer.assign(ranges.mapValues { .at($0.lowerBound) })
        var left = ranges
        var messages: [KafkaMessage] = []
        var idle = 0
        while !left.isEmpty {
            let batch = try await consumer.next(max: 5_000, wait: .seconds(1))
            idle = batch.messages.isEmpty ? idle + 1 : 0
            if idle > limit {
                throw KafkaError(
                    .timeout, operation: "read the topics",
                    message: "no records of \(left.keys.sorted().map(\.description).joined(separator: ", ")) came")
            }
            for message in batch.messages {
                guard let range = left[message.topicPartition] else { continue }
                if message.offset < range.upperBound { messages.append(message) }
                if message.offset + 1 >= range.upperBound { left[message.topicPartition] = nil }
            }
        }
        return messages
    }
}
