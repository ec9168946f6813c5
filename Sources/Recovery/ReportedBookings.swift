import BookingEngine
import Domain
import PostgresClient

/// The bookings that PostgreSQL reports and Redis has to know: those that live, and those that ended within the last hour, of which an older event may
/// still come.
struct ReportedBookings: Sendable {
    /// Rows read at a time.
    static let page: Int64 = 20_000

    let database: PostgresClient

    /// The highest version of any booking or zone.
    func highestVersion() async throws -> Int64 {
        try await database.query(
            """
            SELECT greatest((SELECT coalesce(max(version), 0) FROM bookings), (SELECT coalesce(max(counts_version), 0) FROM seat_zones)) AS version
            """)[0].int64("version")
    }

    /// How far booking.events have been written, by partition.
    func offsets(group: String, topic: String) async throws -> [Int32: Int64] {
        var offsets: [Int32: Int64] = [:]
        for row in try await database.query(
            "SELECT partition_id, next_offset FROM projection_offsets WHERE consumer_group = $1 AND topic = $2", [.text(group), .text(topic)])
        {
            offsets[Int32(try row.int64("partition_id"))] = try row.int64("next_offset")
        }
        return offsets
    }

    /// One page, after `last`; its last id is where the next begins.
    /// - Parameter all: also those that ended long ago.
    func page(after last: String, all: Bool = false) async throws -> (bookings: [Booking], last: String?) {
        let rows = try await database.query(
            """
            SELECT \(Self.columns) FROM bookings
            WHERE id > $1::uuid AND (\(all ? "true" : "status IN ('reserved', 'confirmed') OR updated_at > now() - interval '1 hour'"))
            ORDER BY id LIMIT $2::bigint
            """, [.text(last), .int(Self.page)])
        var bookings: [Booking] = []
        bookings.reserveCapacity(rows.count)
        for row in rows { bookings.append(try Self.booking(row)) }
        return (bookings, rows.count < Int(Self.page) ? nil : bookings.last?.id.description)
    }

    /// Any one booking of each zone; none of a zone that never had one.
    func one(ofEach zones: [ZoneID]) async throws -> [Booking] {
        if zones.isEmpty { return [] }
        return try await database.query(
            "SELECT DISTINCT ON (zone_id) \(Self.columns) FROM bookings WHERE zone_id = ANY($1::uuid[]) ORDER BY zone_id, id",
            [.textArray(zones.map(\.description))]
        ).map { try Self.booking($0) }
    }

    /// The versions of bookings; of those that PostgreSQL does not know, none.
    func versions(of bookings: [BookingID]) async throws -> [BookingID: Int64] {
        var versions: [BookingID: Int64] = [:]
        for row in try await database.query(
            "SELECT id, version FROM bookings WHERE id = ANY($1::uuid[])", [.textArray(bookings.map(\.description))])
        {
            if let id = BookingID(try row.string("id")) { versions[id] = try row.int64("version") }
        }
        return versions
    }

    private static let columns = """
        id, tenant_id, event_id, show_id, zone_id, user_id, quantity, array_to_string(seat_ids, ',') AS seats, unit_price_minor, total_minor,
        currency, status, version, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
        (extract(epoch FROM expires_at) * 1000)::bigint AS expires_ms, (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms,
        idempotency_key, body_hash, payment_id, payment_state, declines, reason, used
        """

    private static func booking(_ row: PostgresRow) throws -> Booking {
        var booking = Booking(
            id: try id(row, "id"), tenant: try id(row, "tenant_id"), event: try id(row, "event_id"), show: try id(row, "show_id"),
            zone: try id(row, "zone_id"), user: try id(row, "user_id"), quantity: try row.int64("quantity"),
            seats: try row.string("seats").split(separator: ",").compactMap { SeatID($0) }, unitPriceMinor: try row.int64("unit_price_minor"),
            totalMinor: try row.int64("total_minor"), currency: try row.string("currency"),
            status: try word(row, "status"), version: try row.int64("version"), createdAt: Timestamp(ms: try row.int64("created_ms")),
            expiresAt: Timestamp(ms: try row.int64("expires_ms")), updatedAt: Timestamp(ms: try row.int64("updated_ms")),
            idempotencyKey: try row.string("idempotency_key"), bodyHash: try row.string("body_hash"))
        booking.payment = try row.optionalString("payment_id").flatMap { PaymentID($0) }
        booking.paymentState = try row.optionalString("payment_state").flatMap(Booking.PaymentState.init(rawValue:))
        booking.declines = try row.int64("declines")
        booking.reason = try row.optionalString("reason").flatMap(BookingReason.init(rawValue:))
        if let used = try row.optionalString("used") { booking.used = try TicketUse.uses(json: Array(used.utf8)) }
        return booking
    }

    private static func id<Kind>(_ row: PostgresRow, _ column: String) throws -> Identifier<Kind> {
        guard let id = Identifier<Kind>(try row.string(column)) else { throw RecoveryError(.unreadable, "a booking's \(column) is no UUID") }
        return id
    }

    private static func word(_ row: PostgresRow, _ column: String) throws -> BookingStatus {
        guard let status = BookingStatus(rawValue: try row.string(column)) else {
            throw RecoveryError(.unreadable, "a booking's \(column) is unknown")
        }
        return status
    }
}
