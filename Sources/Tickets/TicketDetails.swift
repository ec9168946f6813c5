public import Domain
public import PostgresClient

/// What stands on a booking's tickets beside their codes, from the catalogue.
public struct TicketDetails: Equatable, Sendable {
    /// Where in a numbered zone one sits.
    public struct Seat: Equatable, Sendable {
        public let section: String
        public let row: String
        public let number: String

        public init(section: String, row: String, number: String) {
            self.section = section
            self.row = row
            self.number = number
        }
    }

    /// The event's.
    public var title: String
    /// The venue's name and city; nil for an event without a venue.
    public var venue: String?
    public var city: String?
    /// The venue's, an IANA name; `UTC` without a venue.
    public var timeZone: String
    public var startsAt: Timestamp
    public var endsAt: Timestamp
    /// The zone's name.
    public var zone: String
    /// The booking's seats; empty for general admission.
    public var seats: [SeatID: Seat]

    public init(
        title: String, venue: String?, city: String?, timeZone: String, startsAt: Timestamp, endsAt: Timestamp, zone: String, seats: [SeatID: Seat]
    ) {
        self.title = title
        self.venue = venue
        self.city = city
        self.timeZone = timeZone
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.zone = zone
        self.seats = seats
    }

    /// Venue and city in one line.
    public var place: String? {
        let parts = [venue, city].compactMap { $0 }.filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension TicketDetails {
    /// Reads what stands on a booking's tickets; `nil` when its zone is not in the catalogue.
    public static func read(of booking: Booking, from database: PostgresClient) async throws(PostgresError) -> TicketDetails? {
        try details(try await database.query(query, parameters(booking)))
    }

    /// The same within a worker's transaction.
    public static func read(of booking: Booking, from connection: PostgresConnection) throws -> TicketDetails? {
        try details(try connection.query(query, parameters(booking)))
    }

    private static let query = """
        SELECT e.title, v.name AS venue, v.city, coalesce(v.time_zone, 'UTC') AS time_zone, z.name AS zone,
               (extract(epoch FROM s.starts_at) * 1000)::bigint AS starts_ms, (extract(epoch FROM s.ends_at) * 1000)::bigint AS ends_ms,
               t.id AS seat_id, t.section, t.row_label, t.number
        FROM seat_zones z JOIN shows s ON s.id = z.show_id JOIN events e ON e.id = z.event_id LEFT JOIN venues v ON v.id = e.venue_id
             LEFT JOIN seats t ON t.zone_id = z.id AND t.id = ANY($2::uuid[])
        WHERE z.id = $1::uuid
        """

    private static func parameters(_ booking: Booking) -> [PostgresValue] {
        [.text(booking.zone.description), .textArray(booking.seats.map(\.description))]
    }

    private static func details(_ rows: PostgresRows) throws(PostgresError) -> TicketDetails? {
        guard let first = rows.first else { return nil }
        var seats: [SeatID: Seat] = [:]
        for row in rows {
            guard let id = try row.optionalString("seat_id").flatMap({ SeatID($0) }) else { continue }
            seats[id] = Seat(section: try row.string("section"), row: try row.string("row_label"), number: try row.string("number"))
        }
        return TicketDetails(
            title: try first.string("title"), venue: try first.optionalString("venue"), city: try first.optionalString("city"),
            timeZone: try first.string("time_zone"), startsAt: Timestamp(ms: try first.int64("starts_ms")),
            endsAt: Timestamp(ms: try first.int64("ends_ms")), zone: try first.string("zone"), seats: seats)
    }
}
