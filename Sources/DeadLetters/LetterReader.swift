import KafkaClient
import Logging

/// Fetches records by their places.
struct LetterReader: Sendable {
    let bootstrapServers: String
    let logger: Logger

    /// The records of those places; what is no longer kept is missing. Between the first and the last place of a partition everything is read.
    func read(_ places: [DeadLetterPlace]) async throws(KafkaError) -> [DeadLetterPlace: KafkaMessage] {
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for place in places {
            let partition = KafkaTopicPartition(topic: place.topic, partition: place.partition)
            let known = ranges[partition] ?? place.offset..<place.offset + 1
            ranges[partition] = min(known.lowerBound, place.offset)..<max(known.upperBound, place.offset + 1)
        }
        let wanted = Set(places)
        var found: [DeadLetterPlace: KafkaMessage] = [:]
        try await scan(ranges) { message in
            let place = DeadLetterPlace(topic: message.topic, partition: message.partition, offset: message.offset)
            if wanted.contains(place) { found[place] = message }
        }
        return found
    }

    /// Reads ranges to their ends.
    func scan(_ ranges: [KafkaTopicPartition: Range<Int64>], _ body: (KafkaMessage) -> Void) async throws(KafkaError) {
        if ranges.allSatisfy({ $0.value.isEmpty }) { return }
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "dead-letters", ranges: ranges, logger: logger)
        do throws(KafkaError) {
            while let messages = try await reader.next(max: 1_000) { for message in messages { body(message) } }
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
    }
}
