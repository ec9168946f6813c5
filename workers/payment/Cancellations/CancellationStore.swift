import BookingEngine
import Domain
import PostgresClient
import WorkerRuntime

/// The rows of cancelled events, and what of the catalogue belongs to them.
struct CancellationStore: Sendable {
    let database: PostgresClient
    /// The consumer group, under which the inbox remembers messages.
    let group: String

    /// Marks an event cancelled and begins to give everything back, unless that has begun.
    /// - Returns: how it stands; nil for an event that is not there.
    func begin(_ command: EventCancellation) async throws -> Cancellation? {
        try await database.transaction { connection in
            let events = try connection.query(
                "UPDATE events SET status = 'cancelled', updated_at = now() WHERE id = $1 AND tenant_id = $2 RETURNING id",
                [.text(command.event.description), .text(command.tenant.description)])
            if events.isEmpty { return nil }
            _ = try connection.query(
                """
                INSERT INTO event_cancellations (event_id, tenant_id, operation_id, requested_by, status, wake_at)
                VALUES ($1, $2, $3, $4, 'running', now() + interval '15 seconds') ON CONFLICT DO NOTHING
                """,
                [
                    .text(command.event.description), .text(command.tenant.description), .text(command.operation.description),
                    .text(command.user.description),
                ])
            let row = try connection.query(Self.select, [.text(command.event.description)]).one()
            return try Cancellation(row)
        }
    }

    /// How an event's cancellation stands; nil where none has begun.
    func cancellation(_ event: EventID) async throws -> Cancellation? {
        try await database.query(Self.select, [.text(event.description)]).first.map { try Cancellation($0) }
    }

    /// Whether an event's cancellation has begun.
    func exists(_ event: EventID) async throws -> Bool {
        try await !database.query("SELECT 1 AS one FROM event_cancellations WHERE event_id = $1", [.text(event.description)]).isEmpty
    }

    /// The event's bookings that PostgreSQL has as live, after one, in the order of their ids.
    func bookings(of event: EventID, after last: BookingID?, limit: Int) async throws -> [ReportedBooking] {
        let rows = try await database.query(
            """
            SELECT b.id, b.user_id, b.payment_id,
                EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = b.payment_id AND r.status IN ('processing', 'succeeded')) AS has_refund,
                EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = b.payment_id AND r.status = 'failed' AND r.cause = 'event_cancelled') AS is_refused
            FROM bookings b WHERE b.event_id = $1 AND b.status IN ('reserved', 'confirmed') AND ($2::uuid IS NULL OR b.id > $2::uuid) ORDER BY b.id LIMIT $3
            """, [.text(event.description), PostgresValue(last?.description), .int(Int64(limit))])
        return try rows.map { row in
            ReportedBooking(
                id: try row.identifier("id"), user: try row.identifier("user_id"),
                payment: try row.optionalString("payment_id").flatMap { PaymentID($0) }, hasRefund: try row.bool("has_refund"),
                isRefused: try row.bool("is_refused"))
        }
    }

    /// Writes how far a pass has come, with the refunds that are to be made.
    /// - Parameters:
    ///   - last: where the next page begins; nil when the pass has come to its end.
    ///   - wakesNow: whether the clock is to go on at once rather than after a pause, which grows with the cancellation's age.
    func progress(
        _ cancellation: Cancellation, last: BookingID?, released: Int, refunds: Int, wakesNow: Bool, ending: Ending
    ) async throws {
        let group = group
        try await database.transaction { connection in
            _ = try connection.query(
                """
                UPDATE event_cancellations SET last_booking = $2, released = released + $3, refunds = refunds + $4, updated_at = now(),
                    wake_at = now() + CASE WHEN $5 THEN interval '0' ELSE
                        least(greatest((now() - created_at) / 10, interval '2 seconds'), interval '5 minutes') END
                WHERE event_id = $1 AND status = 'running'
                """,
                [
                    .text(cancellation.event.description), PostgresValue(last?.description), .int(Int64(released)), .int(Int64(refunds)),
                    .bool(wakesNow),
                ])
            try connection.record([ending], group: group)
        }
    }

    /// Writes that everything is given back.
    func finish(_ cancellation: Cancellation, ending: Ending) async throws {
        let group = group
        try await database.transaction { connection in
            let rows = try connection.query(
                """
                UPDATE event_cancellations SET status = 'done', wake_at = NULL, last_booking = NULL, updated_at = now(),
                    refunds = (SELECT count(*) FROM refunds r WHERE r.event_id = $1 AND r.cause = 'event_cancelled' AND r.status = 'succeeded')
                WHERE event_id = $1 AND status = 'running' RETURNING event_id
                """, [.text(cancellation.event.description)])
            if !rows.isEmpty { try connection.record([ending], group: group) }
        }
    }

    /// The event's zones as Redis is to have them, with sales closed at a moment.
    func zones(of event: EventID, closing: Timestamp) async throws -> [ZoneSettings] {
        let rows = try await database.query(Self.selectZones, [.text(event.description)])
        var zones: [ZoneSettings] = []
        for row in rows {
            let closes = min(try row.int64("closes_ms"), closing.ms)
            zones.append(
                ZoneSettings(
                    zone: try row.identifier("id"), event: event, show: try row.identifier("show_id"), tenant: try row.identifier("tenant_id"),
                    capacity: try row.int64("capacity"), priceMinor: try row.int64("price_minor"), currency: try row.string("currency"),
                    maximumPerUser: try row.int64("per_user"), saleOpens: Timestamp(ms: min(try row.int64("opens_ms"), closes)),
                    saleCloses: Timestamp(ms: closes), showEnds: Timestamp(ms: try row.int64("ends_ms")), minimumAge: try row.int64("min_age"),
                    allowsBankTransfer: try row.bool("allows_bank_transfer"),
                    seats: try row.strings("seats").compactMap { $0.flatMap { SeatID($0) } }))
        }
        return zones
    }

    private static let select = """
        SELECT c.*, (extract(epoch FROM c.updated_at) * 1000)::bigint AS updated_ms, (SELECT count(*) FROM refunds r WHERE r.event_id = c.event_id AND r.cause = 'event_cancelled' AND r.status = 'failed') AS refused
        FROM event_cancellations c WHERE event_id = $1
        """

    private static let selectZones = """
        SELECT z.id, z.show_id, z.tenant_id, z.capacity, z.price_minor, z.currency, e.max_tickets_per_user AS per_user, e.min_age,
            e.allows_bank_transfer, (extract(epoch FROM e.sale_opens_at) * 1000)::bigint AS opens_ms,
            (extract(epoch FROM s.sale_closes_at) * 1000)::bigint AS closes_ms, (extract(epoch FROM s.ends_at) * 1000)::bigint AS ends_ms,
            coalesce((SELECT array_agg(t.id::text ORDER BY t.position) FROM seats t WHERE t.zone_id = z.id), '{}') AS seats
        FROM seat_zones z JOIN shows s ON s.id = z.show_id JOIN events e ON e.id = z.event_id WHERE z.event_id = $1 ORDER BY z.id
        """
}
