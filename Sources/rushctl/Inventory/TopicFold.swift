import Domain
import KafkaClient
import Topics

/// The newest state of every booking and zone that booking.events tell of.
struct TopicFold: Sendable {
    var bookings: [BookingID: Booking] = [:]
    var zones: [ZoneID: ZoneCounts] = [:]
    var events = 0
    /// Records that are not events; the projection sends them to its DLQ.
    var unreadable = 0

    /// Reads booking.events from the beginning to its end at the start of the call.
    static func read(bootstrapServers: String) async throws -> TopicFold {
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-fold"), logger: Connections.logger)
        do {
            let fold = try await read(consumer)
            _ = await consumer.close()
            return fold
        } catch {
            _ = await consumer.close()
            throw error
        }
    }

    private static func read(_ consumer: KafkaConsumer) async throws -> TopicFold {
        let topic = Topic.bookingEvents.name
        var left = try await consumer.endOffsets(topic: topic).filter { $0.value > 0 }
        var fold = TopicFold()
        if left.isEmpty { return fold }
        try await consumer.assign(
            Dictionary(uniqueKeysWithValues: left.keys.map { (KafkaTopicPartition(topic: topic, partition: $0), KafkaOffset.beginning) }))
        var idle = 0
        while !left.isEmpty {
            let batch = try await consumer.next(max: 5000, wait: .seconds(1))
            idle = batch.messages.isEmpty ? idle + 1 : 0
            if idle > 30 { throw SeedError("\(topic) gave nothing for 30 s with \(left.count) partitions to read") }
            for message in batch.messages {
                fold.apply(message)
                if let end = left[message.partition], message.offset + 1 >= end { left[message.partition] = nil }
            }
        }
        return fold
    }

    private mutating func apply(_ message: KafkaMessage) {
        events += 1
        guard let value = message.value, let event = try? BookingEvent(json: value) else {
            unreadable += 1
            return
        }
        if let known = bookings[event.booking.id], known.version >= event.booking.version {} else { bookings[event.booking.id] = event.booking }
        if let known = zones[event.booking.zone], known.version >= event.zone.version {} else { zones[event.booking.zone] = event.zone }
    }
}
