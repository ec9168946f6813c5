import Domain
import PostgresClient

/// Finds the bookings whose shows begin soon and whose people have not been reminded.
struct ReminderStore: Sendable {
    /// Bookings reminded of at a time: no more than are sent side by side, so that all are over well before another copy's ``patience`` is.
    static let batch = 16
    /// How long a reminder that is on its way is left to whoever sends it; PostgreSQL's notation.
    static let patience = "2 minutes"

    let database: PostgresClient
    /// How long before the show.
    let lead: Duration

    /// The notices that are due. Whoever booked within that time knows when the show is.
    func due(at now: Timestamp) async throws -> [Notice] {
        let rows = try await database.query(
            """
            SELECT b.id, b.tenant_id, b.event_id, b.show_id, b.zone_id, b.user_id, b.quantity, array_to_string(b.seat_ids, ',') AS seat_ids,
                b.unit_price_minor, b.total_minor, b.currency, b.version, (extract(epoch FROM b.created_at) * 1000)::bigint AS created_ms,
                (extract(epoch FROM b.expires_at) * 1000)::bigint AS expires_ms, (extract(epoch FROM b.updated_at) * 1000)::bigint AS updated_ms,
                (extract(epoch FROM s.starts_at) * 1000)::bigint AS starts_ms
            FROM shows s JOIN events e ON e.id = s.event_id JOIN bookings b ON b.show_id = s.id AND b.status = 'confirmed'
                LEFT JOIN notifications n ON n.entity_id = b.id AND n.template = '\(Occasion.reminder.rawValue)'
                    AND n.version = (extract(epoch FROM s.starts_at) * 1000)::bigint
            WHERE s.starts_at > $1::timestamptz AND s.starts_at <= $1::timestamptz + make_interval(secs => $2) AND e.status <> 'cancelled'
                AND b.created_at <= s.starts_at - make_interval(secs => $2)
                AND (n.id IS NULL OR n.status = 'sending' AND n.updated_at < now() - interval '\(Self.patience)')
            ORDER BY s.starts_at, b.id LIMIT $3
            """, [.text(now.description), .double(Double(lead.components.seconds)), .int(Int64(Self.batch))])
        return try rows.compactMap { row in
            guard let booking = try Self.booking(row) else { return nil }
            return Notice(occasion: .reminder, subject: .booking(booking), version: try row.int64("starts_ms"), at: now)
        }
    }

    /// Ends reminders that could not be sent before their show began.
    func endLate(at now: Timestamp) async throws {
        _ = try await database.query(
            """
            UPDATE notifications SET status = 'skipped', reason = 'too_late', updated_at = now()
            WHERE status = 'sending' AND template = ANY($1::text[]) AND version <= $2
            """, [.textArray(Channel.allCases.map { Occasion.reminder.template(for: $0) }), .int(now.ms)])
    }

    /// A row has no idempotency key and body hash here: a reminder has no use for them.
    private static func booking(_ row: PostgresRow) throws -> Booking? {
        guard let id = BookingID(try row.string("id")), let tenant = TenantID(try row.string("tenant_id")),
            let event = EventID(try row.string("event_id")), let show = ShowID(try row.string("show_id")),
            let zone = ZoneID(try row.string("zone_id")), let user = UserID(try row.string("user_id"))
        else { return nil }
        return Booking(
            id: id, tenant: tenant, event: event, show: show, zone: zone, user: user, quantity: try row.int64("quantity"),
            seats: try row.string("seat_ids").split(separator: ",").compactMap { SeatID($0) }, unitPriceMinor: try row.int64("unit_price_minor"),
            totalMinor: try row.int64("total_minor"), currency: try row.string("currency"), status: .confirmed, version: try row.int64("version"),
            createdAt: Timestamp(ms: try row.int64("created_ms")), expiresAt: Timestamp(ms: try row.int64("expires_ms")),
            updatedAt: Timestamp(ms: try row.int64("updated_ms")), idempotencyKey: "", bodyHash: "")
    }
}
