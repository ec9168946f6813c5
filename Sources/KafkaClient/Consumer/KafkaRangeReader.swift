public import Logging

/// Reads stretches of partitions, each from one offset up to another, and then ends; it belongs to no group and commits nothing.
///
/// Confined to one task at a time; ``close()`` must be called.
public actor KafkaRangeReader {
    /// How long it may give nothing before the partitions are looked at, and before it is an error.
    public static let silence = (look: Duration.seconds(3), limit: Duration.seconds(30))

    private let consumer: KafkaConsumer
    private var left: [KafkaTopicPartition: Range<Int64>]
    private var isAssigned = false

    /// Makes a reader; it connects with the first ``next(max:)``.
    /// - Parameter ranges: per partition the first offset and the one after the last. Empty ranges are done at once.
    /// - Throws: `.invalidConfiguration`, or `.resources` without a thread.
    public init(
        bootstrapServers: String, clientID: String, ranges: [KafkaTopicPartition: Range<Int64>], logger: Logger
    ) throws(KafkaError) {
        consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: clientID), logger: logger)
        left = ranges.filter { !$0.value.isEmpty }
    }

    /// The next messages, in order within each partition; nil when every range has been read to its end.
    ///
    /// What retention has deleted is passed over. A range may end beyond what has been written; then this waits for the rest.
    /// - Throws: `.timeout` when nothing comes for ``silence``, `.cancelled`, and what ``KafkaConsumer/next(max:maxBytes:wait:)`` throws.
    public func next(max: Int) async throws(KafkaError) -> [KafkaMessage]? {
        if !isAssigned {
            if left.isEmpty { return nil }
            try await consumer.assign(left.mapValues { .at($0.lowerBound) })
            isAssigned = true
        }
        var last = ContinuousClock.now
        var look = last + Self.silence.look
        while !left.isEmpty {
            let batch = try await consumer.next(max: max, wait: .milliseconds(500))
            if !batch.messages.isEmpty { last = .now }
            let messages = try await take(batch.messages)
            if !messages.isEmpty { return messages }
            guard batch.messages.isEmpty else { continue }
            if ContinuousClock.now >= last + Self.silence.limit {
                throw KafkaError(
                    .timeout, operation: "read range", message: "nothing came for \(Self.silence.limit) with \(left.count) partitions to read")
            }
            if ContinuousClock.now >= look {
                try await passOverWhatIsDeleted()
                look = .now + Self.silence.look
            }
        }
        return nil
    }

    /// Ends the reader.
    public func close() async {
        await consumer.close()
    }

    /// Keeps what lies within the ranges, and stops fetching what is done.
    private func take(_ messages: [KafkaMessage]) async throws(KafkaError) -> [KafkaMessage] {
        var taken: [KafkaMessage] = []
        taken.reserveCapacity(messages.count)
        var done: [KafkaTopicPartition] = []
        for message in messages {
            let partition = message.topicPartition
            guard let range = left[partition] else { continue }
            if range.contains(message.offset) { taken.append(message) }
            if message.offset + 1 >= range.upperBound {
                left[partition] = nil
                done.append(partition)
            } else {
                left[partition] = Swift.max(range.lowerBound, message.offset + 1)..<range.upperBound
            }
        }
        if !done.isEmpty, !left.isEmpty { try await consumer.pause(done) }
        return taken
    }

    private func passOverWhatIsDeleted() async throws(KafkaError) {
        for topic in Set(left.keys.map(\.topic)) {
            for (number, kept) in try await consumer.offsets(topic: topic) {
                let partition = KafkaTopicPartition(topic: topic, partition: number)
                if let range = left[partition], kept.low >= range.upperBound { left[partition] = nil }
            }
        }
    }
}
