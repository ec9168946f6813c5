import Domain
import PostgresClient
import Tickets

/// What of an event a notification names that is not about a booking.
struct EventDetails: Sendable {
    let title: String
    /// The venue's and its city, where there is one.
    let place: String?
    /// The venue's, an IANA name.
    let timeZone: String

    /// Reads it from the catalogue; nil for an event that is not there.
    static func read(_ event: EventID, from database: PostgresClient) async throws -> EventDetails? {
        let rows = try await database.query(
            """
            SELECT e.title, v.name AS venue, v.city, coalesce(v.time_zone, 'UTC') AS time_zone
            FROM events e LEFT JOIN venues v ON v.id = e.venue_id WHERE e.id = $1::uuid
            """, [.text(event.description)])
        guard let row = rows.first else { return nil }
        let parts = [try row.optionalString("venue"), try row.optionalString("city")].compactMap { $0 }.filter { !$0.isEmpty }
        return EventDetails(
            title: try row.string("title"), place: parts.isEmpty ? nil : parts.joined(separator: ", "), timeZone: try row.string("time_zone"))
    }
}
