/// What the scripts put on `booking.events`: a booking's whole state after the transition, and its zone's counts.
public struct BookingEvent: Equatable, Sendable {
    public var booking: Booking
    public var zone: ZoneCounts

    public init(booking: Booking, zone: ZoneCounts) {
        self.booking = booking
        self.zone = zone
    }

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
        var (capacity, available, held, sold, version): (Int64?, Int64?, Int64?, Int64?, Int64?)
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "capacity": capacity = try value.int()
            case "available": available = try value.int()
            case "held": held = try value.int()
            case "sold": sold = try value.int()
            case "version": version = try value.int()
            default: try value.skip()
            }
        }
        guard let capacity, let available, let held, let sold, let version else { throw JSONError(path: [], reason: "lacks a count or its version") }
        self.init(capacity: capacity, available: available, held: held, sold: sold, version: version)
    }
}
