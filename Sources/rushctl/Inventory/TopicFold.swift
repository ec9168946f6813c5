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
        var fold = TopicFold()
        try await TopicReader.read(.bookingEvents, bootstrapServers: bootstrapServers) { fold.apply($0) }
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
