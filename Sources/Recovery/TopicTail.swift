import BookingEngine
import Domain
import KafkaClient
import Logging
import Topics

/// Reads a stretch of booking.events and keeps the newest state of each booking.
struct TopicTail {
    /// Records taken at a time.
    private static let batch = 5_000

    private(set) var newest: [BookingID: BookingState] = [:]
    private(set) var events = 0
    /// Of any booking or zone.
    private(set) var highestVersion: Int64 = 0

    /// - Parameter progress: told how many events were read so far.
    mutating func read(
        _ ranges: [KafkaTopicPartition: Range<Int64>], bootstrapServers: String, logger: Logger, progress: @Sendable (Int) -> Void
    ) async throws {
        let left = ranges.filter { !$0.value.isEmpty }
        if left.isEmpty { return }
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "recovery", ranges: left, logger: logger)
        do {
            while let messages = try await reader.next(max: Self.batch) {
                for message in messages { take(message) }
                progress(events)
            }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
    }

    mutating func take(_ message: KafkaMessage) {
        events += 1
        // What is no event stands on the projection's DLQ too, where a person looks at it.
        guard let value = message.value, let event = try? BookingEvent(json: value) else { return }
        highestVersion = max(highestVersion, event.booking.version, event.zone.version)
        if let known = newest[event.booking.id], known.booking.version >= event.booking.version { return }
        newest[event.booking.id] = BookingState(event)
    }

    /// Whether the topic tells as much of a booking, or more.
    func newer(than booking: Booking) -> Bool {
        guard let known = newest[booking.id] else { return false }
        return known.booking.version >= booking.version
    }
}
