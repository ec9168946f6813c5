import KafkaClient

extension ReplayDesk {
    /// Records that are read at a time.
    static let readAhead = 5_000

    /// Reads stretches of partitions to their ends and gives them away in batches.
    func reading(_ ranges: [KafkaTopicPartition: Range<Int64>], _ take: ([KafkaMessage]) async throws -> Void) async throws {
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "replay-reader", ranges: ranges, logger: logger)
        do {
            while let messages = try await reader.next(max: Self.readAhead) {
                try Task.checkCancellation()
                try await take(messages)
            }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
    }
}

extension [KafkaMessage] {
    /// Per partition, the offset after these.
    var next: [KafkaTopicPartition: Int64] {
        Dictionary(map { ($0.topicPartition, $0.offset + 1) }, uniquingKeysWith: Swift.max)
    }
}
