/// What the scripts put on `booking.events`: a booking's whole state after the transition, and its zone's counts.
public struct BookingEvent: Equatable, Sendable {
    public var booking: Booking
    public var zone: ZoneCounts

    /// Reads an event's JSON value.
    /// - Throws: ``JSONError`` that names the member; such a message can never succeed.
    public init(json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var counts: ZoneCounts?
        booking = try Booking(&reader) { (key, value) throws(JSONError) in
            guard key == "zone" else { return false }
            counts = try ZoneCounts(&value)
            return true
        }
        try reader.end()
        guard let counts else { throw JSONError(path: ["zone"], reason: "is missing") }
        zone = counts
    }
}

extension ZoneCounts {
    /// Reads `{"capacity":…,"available":…,"held":…,"sold":…,"version":…}`.
    public init(_ reader: inout JSONReader) throws(JSONError) {
        var found: [String: Int64] = [:]
        try reader.object { (key, value) throws(JSONError) in found[key] = try value.int() }
        func number(_ key: String) throws(JSONError) -> Int64 {
            guard let number = found[key] else { throw JSONError(path: [key], reason: "is missing") }
            return number
        }
        self.init(
            capacity: try number("capacity"), available: try number("available"), held: try number("held"), sold: try number("sold"),
            version: try number("version"))
    }
}

/// The CloudEvents types of the messages on the topics (SPEC, section 4).
public enum MessageType: String, Sendable, CaseIterable {
    case bookingCreated = "booking.created.v1"
    case bookingConfirmed = "booking.confirmed.v1"
    case bookingCancelled = "booking.cancelled.v1"
    case bookingExpired = "booking.expired.v1"
    case bookingRefunded = "booking.refunded.v1"
    case bookingCancel = "booking.cancel.v1"
    case operationFinished = "operation.finished.v1"
}
