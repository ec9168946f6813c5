import BookingEngine
import Domain
import PostgresClient

/// The zones that PostgreSQL knows, as Redis needs them.
struct Catalogue: Sendable {
    let database: PostgresClient

    /// Every zone whose show has not been over for a day. Of a cancelled event nothing is on sale any more.
    func zones() async throws -> [ZoneSettings] {
        let seats = try await seats()
        var zones: [ZoneSettings] = []
        let rows = try await database.query(
            """
            SELECT z.id, z.event_id, z.show_id, z.tenant_id, z.capacity, z.price_minor, z.currency, e.max_tickets_per_user, e.min_age,
                   e.allows_bank_transfer, (extract(epoch FROM e.sale_opens_at) * 1000)::bigint AS opens,
                   (extract(epoch FROM CASE WHEN e.status = 'cancelled' THEN least(s.sale_closes_at, now()) ELSE s.sale_closes_at END) * 1000)::bigint
                       AS closes, (extract(epoch FROM s.ends_at) * 1000)::bigint AS ends
            FROM seat_zones z JOIN shows s ON s.id = z.show_id JOIN events e ON e.id = z.event_id
            WHERE s.ends_at > now() - interval '1 day'
            """)
        for row in rows {
            guard let zone = ZoneID(try row.string("id")), let event = EventID(try row.string("event_id")),
                let show = ShowID(try row.string("show_id")), let tenant = TenantID(try row.string("tenant_id"))
            else { continue }
            zones.append(
                ZoneSettings(
                    zone: zone, event: event, show: show, tenant: tenant, capacity: try row.int64("capacity"),
                    priceMinor: try row.int64("price_minor"), currency: try row.string("currency"),
                    maximumPerUser: try row.int64("max_tickets_per_user"), saleOpens: Timestamp(ms: try row.int64("opens")),
                    saleCloses: Timestamp(ms: try row.int64("closes")), showEnds: Timestamp(ms: try row.int64("ends")),
                    minimumAge: try row.int64("min_age"), allowsBankTransfer: try row.bool("allows_bank_transfer"), seats: seats[zone] ?? []))
        }
        return zones
    }

    /// The ids alone, with their shards.
    func ids() async throws -> [(ZoneID, Shard)] {
        let rows = try await database.query(
            "SELECT z.id, z.event_id FROM seat_zones z JOIN shows s ON s.id = z.show_id WHERE s.ends_at > now() - interval '1 day'")
        var ids: [(ZoneID, Shard)] = []
        for row in rows {
            if let zone = ZoneID(try row.string("id")), let event = EventID(try row.string("event_id")) { ids.append((zone, Shard(of: event))) }
        }
        return ids
    }

    private func seats() async throws -> [ZoneID: [SeatID]] {
        var seats: [ZoneID: [SeatID]] = [:]
        for row in try await database.query("SELECT zone_id, id FROM seats ORDER BY zone_id, position") {
            if let zone = ZoneID(try row.string("zone_id")), let seat = SeatID(try row.string("id")) { seats[zone, default: []].append(seat) }
        }
        return seats
    }
}
