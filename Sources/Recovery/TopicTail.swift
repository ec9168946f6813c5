import BookingEngine
import Domain
import KafkaClient
import Logging
import Topics

/// Reads stretches of a topic with bookings' events and keeps the newest state of each booking, and of each zone the event that told of it last.
struct TopicTail {
    /// Records taken at a time.
    private static let batch = 5_000
    /// Batches that are decoded while the next is read.
    private static let lanes = 2

    private(set) var newest: [BookingID: BookingState] = [:]
    private(set) var zones: [ZoneID: BookingEvent] = [:]
    private(set) var events = 0
    /// Of any booking or zone.
    private(set) var highestVersion: Int64 = 0

    /// - Parameter progress: told how many events were read so far.
    mutating func read(
        _ ranges: [KafkaTopicPartition: Range<Int64>], bootstrapServers: String, logger: Logger, progress: @Sendable (Int) -> Void = { _ in }
    ) async throws {
        let left = ranges.filter { !$0.value.isEmpty }
        if left.isEmpty { return }
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "recovery", ranges: left, logger: logger)
        do {
            var decoding: [Task<[BookingEvent], Never>] = []
            while let messages = try await reader.next(max: Self.batch) {
                events += messages.count
                decoding.append(Task { messages.compactMap(Self.event) })
                if decoding.count > Self.lanes { take(await decoding.removeFirst().value) }
                progress(events)
            }
            for batch in decoding { take(await batch.value) }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
    }

    /// What is no event stands on the projection's DLQ too, where a person looks at it.
    private static func event(_ message: KafkaMessage) -> BookingEvent? { message.value.flatMap { try? BookingEvent(json: $0) } }

    private mutating func take(_ events: [BookingEvent]) {
        for event in events {
            highestVersion = max(highestVersion, event.booking.version, event.zone.version)
            if zones[event.booking.zone].map({ $0.zone.version < event.zone.version }) ?? true { zones[event.booking.zone] = event }
            if newest[event.booking.id].map({ $0.booking.version < event.booking.version }) ?? true { newest[event.booking.id] = BookingState(event) }
        }
    }

    /// Whether the topic tells as much of a booking, or more.
    func newer(than booking: Booking) -> Bool {
        guard let known = newest[booking.id] else { return false }
        return known.booking.version >= booking.version
    }
}
