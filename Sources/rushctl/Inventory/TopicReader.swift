import KafkaClient
import Topics

/// Reads a whole topic.
enum TopicReader {
    /// Gives every record from the beginning to the topic's end at the start of the call, in order within each partition.
    static func read(_ topic: Topic, bootstrapServers: String, _ take: (KafkaMessage) -> Void) async throws {
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-fold"), logger: Connections.logger)
        do {
            try await read(topic, consumer, take)
            _ = await consumer.close()
        } catch {
            _ = await consumer.close()
            throw error
        }
    }

    private static func read(_ topic: Topic, _ consumer: KafkaConsumer, _ take: (KafkaMessage) -> Void) async throws {
        var left = try await consumer.endOffsets(topic: topic.name).filter { $0.value > 0 }
        if left.isEmpty { return }
        try await consumer.assign(
            Dictionary(uniqueKeysWithValues: left.keys.map { (KafkaTopicPartition(topic: topic.name, partition: $0), KafkaOffset.beginning) }))
        var idle = 0
        while !left.isEmpty {
            let batch = try await consumer.next(max: 5000, wait: .seconds(1))
            idle = batch.messages.isEmpty ? idle + 1 : 0
            if idle > 30 { throw SeedError("\(topic.name) gave nothing for 30 s with \(left.count) partitions to read") }
            for message in batch.messages {
                take(message)
                if let end = left[message.partition], message.offset + 1 >= end { left[message.partition] = nil }
            }
        }
    }
}
