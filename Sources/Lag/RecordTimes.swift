import KafkaClient
import Logging

/// Tells the times of single records: fetches as little as the brokers give, keeps what it has learnt, and asks again only where a group moved.
actor RecordTimes {
    /// A record's place.
    struct Place: Sendable, Hashable {
        let partition: KafkaTopicPartition
        let offset: Int64
    }

    private let consumer: KafkaConsumer
    private var known: [Place: Int64] = [:]

    init(bootstrapServers: String, clientID: String, logger: Logger) throws(KafkaError) {
        var configuration = KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: clientID)
        configuration.copiesValues = false
        configuration.maxPrefetchKilobytes = 1_024
        // A broker gives at least one batch, however large; one is enough. The number of records is left alone: librdkafka 2.0.2 rests for a second
        // where it is reached, also when the partition is assigned anew.
        configuration.options = ["fetch.message.max.bytes": "1024"]
        consumer = try KafkaConsumer(configuration: configuration, logger: logger)
    }

    /// The times of records, or of the next ones that are still kept, in ms since 1970. Those that could not be read in time are absent.
    func times(of places: Set<Place>, limit: Duration) async -> [Place: Int64] {
        known = known.filter { places.contains($0.key) }
        let deadline = ContinuousClock.now + limit
        // A partition is read at one place at a time, so groups that stand differently on it take turns.
        var open = Dictionary(grouping: places.subtracting(known.keys), by: \.partition)
        do throws(KafkaError) {
            while !open.isEmpty, ContinuousClock.now < deadline {
                var round: [KafkaTopicPartition: Int64] = [:]
                for (partition, places) in open {
                    round[partition] = places.last?.offset
                    open[partition] = places.count > 1 ? places.dropLast() : nil
                }
                try await consumer.assign(round.mapValues { .at($0) })
                while !round.isEmpty, ContinuousClock.now < deadline {
                    for message in try await consumer.next(max: 1_000, wait: .milliseconds(100)).messages {
                        guard let offset = round[message.topicPartition], message.offset >= offset else { continue }
                        round[message.topicPartition] = nil
                        if let time = message.timestampMs { known[Place(partition: message.topicPartition, offset: offset)] = time }
                    }
                }
                try await consumer.assign([:])
            }
        } catch {
            // What is not known stays unknown, and is asked for again with the next sample.
        }
        return known
    }

    /// Ends the reader.
    func close() async {
        await consumer.close()
    }
}
