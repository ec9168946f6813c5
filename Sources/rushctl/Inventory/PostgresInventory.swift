import Domain
import PostgresClient

/// Everything PostgreSQL reports of bookings and zones.
struct PostgresInventory: Sendable {
    /// Rows read at a time.
    private static let page: Int64 = 20_000

    var bookings: [BookingID: InventoryCheck.Row] = [:]
    var zones: [ZoneID: ZoneCounts] = [:]

    static func read(_ database: PostgresClient) async throws -> PostgresInventory {
        var inventory = PostgresInventory()
        var last = "00000000-0000-0000-0000-000000000000"
        while true {
            let rows = try await database.query(
                """
                SELECT id, zone_id, user_id, status, version, quantity, total_minor, array_to_string(seat_ids, ',') AS seats,
                       (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at_ms, payment_id, payment_state, declines, reason, used
                FROM bookings WHERE id > $1::uuid ORDER BY id LIMIT $2::bigint
                """, [.text(last), .int(page)])
            for row in rows {
                last = try row.string("id")
                guard let id = BookingID(last), let zone = ZoneID(try row.string("zone_id")), let user = UserID(try row.string("user_id")),
                    let status = BookingStatus(rawValue: try row.string("status"))
                else { continue }
                inventory.bookings[id] = InventoryCheck.Row(
                    status: status, version: try row.int64("version"), quantity: try row.int64("quantity"), totalMinor: try row.int64("total_minor"),
                    zone: zone, user: user, seats: Set(try row.string("seats").split(separator: ",").compactMap { SeatID($0) }),
                    expiresAtMs: try row.int64("expires_at_ms"), payment: try row.optionalString("payment_id").flatMap { PaymentID($0) },
                    paymentState: try row.optionalString("payment_state").flatMap(Booking.PaymentState.init(rawValue:)),
                    declines: try row.int64("declines"), reason: try row.optionalString("reason").flatMap(BookingReason.init(rawValue:)),
                    used: try row.optionalString("used").map { try TicketUse.uses(json: Array($0.utf8)) } ?? [])
            }
            if rows.count < page { break }
        }
        for row in try await database.query("SELECT id, capacity, available, held, sold, counts_version FROM seat_zones", []) {
            guard let id = ZoneID(try row.string("id")) else { continue }
            inventory.zones[id] = ZoneCounts(
                capacity: try row.int64("capacity"), available: try row.int64("available"), held: try row.int64("held"), sold: try row.int64("sold"),
                version: try row.int64("counts_version"))
        }
        return inventory
    }
}
