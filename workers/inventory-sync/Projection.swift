import BookingEngine
import Domain
import KafkaClient
import PostgresClient

/// Writes what booking.events tell into PostgreSQL, a batch in one transaction.
///
/// A row is applied only when its version is higher than the one that stands, so a batch may come twice, late, or from another copy at the same time.
/// All copies lock rows in the same order: bookings by id, then zones by id; what deadlocks all the same is run again.
struct Projection: Sendable {
    let database: PostgresClient
    /// The consumer group, under which the offsets are noted.
    let group: String

    /// Applies events and notes how far the topic has been read.
    /// - Parameter next: per partition, the offset after the batch.
    func apply(_ events: [BookingEvent], next: [KafkaTopicPartition: Int64]) async throws(PostgresError) {
        let bookings = Self.folded(events.map(\.booking), key: \.id, version: \.version).sorted { $0.id.bits < $1.id.bits }
        let zones = Self.folded(events.map { (id: $0.booking.zone, counts: $0.zone) }, key: \.id, version: \.counts.version)
            .sorted { $0.id.bits < $1.id.bits }
        let bookingColumns = Self.columns(of: bookings)
        let zoneColumns: [PostgresValue] = [
            .textArray(zones.map(\.id.description)), .intArray(zones.map(\.counts.capacity)), .intArray(zones.map(\.counts.available)),
            .intArray(zones.map(\.counts.held)), .intArray(zones.map(\.counts.sold)), .intArray(zones.map(\.counts.version)),
        ]
        let places = next.sorted { $0.key < $1.key }
        let offsetColumns: [PostgresValue] = [
            .text(group), .textArray(places.map(\.key.topic)), .intArray(places.map { Int64($0.key.partition) }), .intArray(places.map(\.value)),
        ]
        try await database.transaction { connection in
            if !bookings.isEmpty { _ = try connection.query(Self.upsertBookings, bookingColumns) }
            if !zones.isEmpty {
                _ = try connection.query("SELECT id FROM seat_zones WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", [zoneColumns[0]])
                _ = try connection.query(Self.updateZones, zoneColumns)
            }
            if !places.isEmpty { _ = try connection.query(Self.noteOffsets, offsetColumns) }
        }
    }

    /// The newest of each key.
    private static func folded<Element, Key: Hashable>(
        _ elements: [Element], key: (Element) -> Key, version: (Element) -> Int64
    ) -> Dictionary<Key, Element>.Values {
        Dictionary(elements.map { (key($0), $0) }) { old, new in version(new) > version(old) ? new : old }.values
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
        ]
    }

    private static let upsertBookings = """
        INSERT INTO bookings (id, tenant_id, event_id, show_id, zone_id, user_id, quantity, seat_ids, unit_price_minor, total_minor, currency, status,
                              version, expires_at, idempotency_key, body_hash, created_at, updated_at, payment_id, payment_state, declines, reason)
        SELECT b.id, b.tenant_id, b.event_id, b.show_id, b.zone_id, b.user_id, b.quantity, b.seat_ids::uuid[], b.unit_price_minor, b.total_minor,
               b.currency, b.status, b.version, to_timestamp(b.expires_at_ms::double precision / 1000), b.idempotency_key, b.body_hash,
               to_timestamp(b.created_at_ms::double precision / 1000), to_timestamp(b.updated_at_ms::double precision / 1000),
               b.payment_id, b.payment_state, b.declines, b.reason
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::int[], $8::text[], $9::bigint[], $10::bigint[],
                    $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::bigint[], $18::bigint[],
                    $19::uuid[], $20::text[], $21::int[], $22::text[])
             AS b (id, tenant_id, event_id, show_id, zone_id, user_id, quantity, seat_ids, unit_price_minor, total_minor, currency, status, version,
                   expires_at_ms, idempotency_key, body_hash, created_at_ms, updated_at_ms, payment_id, payment_state, declines, reason)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, expires_at = excluded.expires_at,
                                       updated_at = excluded.updated_at, payment_id = excluded.payment_id,
                                       payment_state = excluded.payment_state, declines = excluded.declines, reason = excluded.reason
        WHERE bookings.version < excluded.version
        """

    private static let updateZones = """
        UPDATE seat_zones SET capacity = z.capacity, available = z.available, held = z.held, sold = z.sold, counts_version = z.version, updated_at = now()
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS z (id, capacity, available, held, sold, version)
        WHERE seat_zones.id = z.id AND seat_zones.counts_version < z.version
        """

    private static let noteOffsets = """
        INSERT INTO projection_offsets (consumer_group, topic, partition_id, next_offset)
        SELECT $1, p.topic, p.partition_id, p.next_offset FROM unnest($2::text[], $3::int[], $4::bigint[]) AS p (topic, partition_id, next_offset)
        ON CONFLICT (consumer_group, topic, partition_id) DO UPDATE
        SET next_offset = greatest(projection_offsets.next_offset, excluded.next_offset), updated_at = now()
        """
}
