import BookingEngine
import Domain
import PostgresClient

/// Zones of which others were told than Redis counts once all bookings are back: a transition was lost whose event came nowhere, and a later event of
/// its zone told of it. They are told anew, else PostgreSQL would show what is not until the zone's next event.
struct ToldZones: Sendable {
    let database: PostgresClient
    let engine: BookingEngine

    /// - Parameters:
    ///   - tail: the newest event of each zone that was read from the topic.
    ///   - includesReported: whether PostgreSQL's counts count too, since the topic was not read from where they are.
    /// - Returns: the events that were written, to be published.
    func correct(_ tail: [ZoneID: BookingEvent], includesReported: Bool) async throws -> [OutboxEntry] {
        var told = tail.mapValues(\.zone)
        var shards = tail.mapValues { Shard(of: $0.booking.event) }
        if includesReported {
            for (zone, event, counts) in try await reported() where told[zone].map({ $0.version < counts.version }) ?? true {
                told[zone] = counts
                shards[zone] = Shard(of: event)
            }
        }
        let zones = shards.map { ($0.key, $0.value) }
        let counted = try await engine.zoneCounts(zones)
        var wrong: [ZoneID: ZoneCounts] = [:]
        for ((zone, _), now) in zip(zones, counted) {
            if let now, let then = told[zone], (now.available, now.held, now.sold) != (then.available, then.held, then.sold) { wrong[zone] = then }
        }
        if wrong.isEmpty { return [] }
        var events = wrong.keys.compactMap { tail[$0] }
        let others = wrong.keys.filter { tail[$0] == nil }
        for booking in try await ReportedBookings(database: database).one(ofEach: others) {
            if let counts = wrong[booking.zone] { events.append(BookingEvent(booking: booking, zone: counts)) }
        }
        for index in events.indices { events[index].zone = wrong[events[index].booking.zone] ?? events[index].zone }
        return try await engine.tellZones(by: events)
    }

    private func reported() async throws -> [(ZoneID, EventID, ZoneCounts)] {
        let rows = try await database.query(
            """
            SELECT z.id, z.event_id, z.capacity, z.available, z.held, z.sold, z.counts_version FROM seat_zones z JOIN shows s ON s.id = z.show_id
            WHERE z.counts_version > 0 AND s.ends_at > now() - interval '1 day'
            """)
        return try rows.compactMap { row in
            guard let zone = ZoneID(try row.string("id")), let event = EventID(try row.string("event_id")) else { return nil }
            let counts = ZoneCounts(
                capacity: try row.int64("capacity"), available: try row.int64("available"), held: try row.int64("held"),
                sold: try row.int64("sold"), version: try row.int64("counts_version"))
            return (zone, event, counts)
        }
    }
}
