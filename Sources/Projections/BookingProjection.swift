public import Domain
public import KafkaClient
public import PostgresClient

/// What `booking.events` tell: a row of each booking, and the counts of each zone.
///
/// All copies lock rows in the same order: bookings by id, then zones by id.
public struct BookingProjection: Projection {
    /// Where its tables are.
    public let schema: String

    public init(schema: String = "public") {
        self.schema = schema
    }

    public func decode(_ message: KafkaMessage) throws -> BookingEvent {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        return try BookingEvent(json: value)
    }

    public func write(_ items: [BookingEvent], to connection: PostgresConnection) throws {
        let bookings = Self.folded(items.map(\.booking), key: { $0.id }, version: { $0.version }, order: { $0.bits < $1.bits })
        let zones = Self.folded(
            items.map { (id: $0.booking.zone, counts: $0.zone) }, key: { $0.id }, version: { $0.counts.version }, order: { $0.bits < $1.bits })
        if !bookings.isEmpty { _ = try connection.query(upsertBookings, Self.columns(of: bookings)) }
        if !zones.isEmpty {
            let ids = PostgresValue.textArray(zones.map(\.id.description))
            _ = try connection.query("SELECT id FROM \(schema).seat_zones WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", [ids])
            _ = try connection.query(
                updateZones,
                [
                    ids, .intArray(zones.map(\.counts.capacity)), .intArray(zones.map(\.counts.available)), .intArray(zones.map(\.counts.held)),
                    .intArray(zones.map(\.counts.sold)), .intArray(zones.map(\.counts.version)),
                ])
        }
    }

    private static func columns(of bookings: [Booking]) -> [PostgresValue] {
        [
            .textArray(bookings.map(\.id.description)), .textArray(bookings.map(\.tenant.description)), .textArray(bookings.map(\.event.description)),
            .textArray(bookings.map(\.show.description)), .textArray(bookings.map(\.zone.description)), .textArray(bookings.map(\.user.description)),
            .intArray(bookings.map(\.quantity)),
            .textArray(bookings.map { "{" + $0.seats.map(\.description).joined(separator: ",") + "}" }),
            .intArray(bookings.map(\.unitPriceMinor)), .intArray(bookings.map(\.totalMinor)), .textArray(bookings.map(\.currency)),
            .textArray(bookings.map(\.status.rawValue)), .intArray(bookings.map(\.version)), .intArray(bookings.map(\.expiresAt.ms)),
            .textArray(bookings.map(\.idempotencyKey)), .textArray(bookings.map(\.bodyHash)), .intArray(bookings.map(\.createdAt.ms)),
            .intArray(bookings.map(\.updatedAt.ms)), .textArray(bookings.map(\.payment?.description)),
            .textArray(bookings.map(\.paymentState?.rawValue)), .intArray(bookings.map(\.declines)), .textArray(bookings.map(\.reason?.rawValue)),
            .textArray(bookings.map { $0.used.isEmpty ? nil : String(decoding: TicketUse.json($0.used), as: UTF8.self) }),
        ]
    }

    private var upsertBookings: String {
        """
        INSERT INTO \(schema).bookings AS t (
            id, tenant_id, event_id, show_id, zone_id, user_id, quantity, seat_ids, unit_price_minor, total_minor, currency, status, version, expires_at,
            idempotency_key, body_hash, created_at, updated_at, payment_id, payment_state, declines, reason, used)
        SELECT b.id, b.tenant_id, b.event_id, b.show_id, b.zone_id, b.user_id, b.quantity, b.seat_ids::uuid[], b.unit_price_minor, b.total_minor,
               b.currency, b.status, b.version, to_timestamp(b.expires_at_ms::double precision / 1000), b.idempotency_key, b.body_hash,
               to_timestamp(b.created_at_ms::double precision / 1000), to_timestamp(b.updated_at_ms::double precision / 1000),
               b.payment_id, b.payment_state, b.declines, b.reason, b.used::jsonb
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::int[], $8::text[], $9::bigint[], $10::bigint[],
                    $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::bigint[], $18::bigint[],
                    $19::uuid[], $20::text[], $21::int[], $22::text[], $23::text[])
             AS b (id, tenant_id, event_id, show_id, zone_id, user_id, quantity, seat_ids, unit_price_minor, total_minor, currency, status, version,
                   expires_at_ms, idempotency_key, body_hash, created_at_ms, updated_at_ms, payment_id, payment_state, declines, reason, used)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, expires_at = excluded.expires_at,
                                       updated_at = excluded.updated_at, payment_id = excluded.payment_id,
                                       payment_state = excluded.payment_state, declines = excluded.declines, reason = excluded.reason,
                                       used = excluded.used
        WHERE t.version < excluded.version
        """
    }

    private var updateZones: String {
        """
        UPDATE \(schema).seat_zones AS t SET capacity = z.capacity, available = z.available, held = z.held, sold = z.sold,
            counts_version = z.version, updated_at = now()
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS z (id, capacity, available, held, sold, version)
        WHERE t.id = z.id AND t.counts_version < z.version
        """
    }
}
