import Domain
import PostgresClient

/// Reads of bookings and operations from PostgreSQL, for what Redis does not keep. Read only.
struct BookingReports: Sendable {
    private static let columns = """
        id, tenant_id, event_id, show_id, zone_id, user_id, quantity, array_to_string(seat_ids, ',') AS seat_ids, unit_price_minor, total_minor, currency,
        status, version, idempotency_key, body_hash, payment_id, payment_state, declines, reason, used, (extract(epoch FROM created_at) * 1000)::bigint AS created_at_ms,
        (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at_ms, (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at_ms
        """

    let database: PostgresClient

    /// One booking, of one user or of whoever it is.
    func booking(_ id: BookingID, of user: UserID?) async throws(PostgresError) -> Booking? {
        let rows = try await database.query(
            "SELECT \(Self.columns) FROM bookings WHERE id = $1::uuid AND ($2::uuid IS NULL OR user_id = $2::uuid)",
            [.text(id.description), user.map { .text($0.description) } ?? .null])
        return try rows.first.map { (row) throws(PostgresError) in try Self.booking(row) } ?? nil
    }

    /// Which of the ids PostgreSQL has.
    func known(_ ids: [BookingID]) async throws(PostgresError) -> Set<BookingID> {
        if ids.isEmpty { return [] }
        let rows = try await database.query("SELECT id FROM bookings WHERE id = ANY($1::uuid[])", [.textArray(ids.map(\.description))])
        var known: Set<BookingID> = []
        for row in rows { if let id = BookingID(try row.string("id")) { known.insert(id) } }
        return known
    }

    /// A user's bookings but for some, newest first.
    func bookings(
        of user: UserID, onlyReserved: Bool, without: [BookingID], offset: Int, limit: Int
    ) async throws(PostgresError) -> (rows: [Booking], total: Int64) {
        let filter = "AND NOT (id = ANY($2::uuid[]))" + (onlyReserved ? " AND status = 'reserved'" : "")
        let parameters: [PostgresValue] = [.text(user.description), .textArray(without.map(\.description))]
        let total = try await database.query("SELECT count(*) AS total FROM bookings WHERE user_id = $1::uuid \(filter)", parameters)
        let rows = try await database.query(
            "SELECT \(Self.columns) FROM bookings WHERE user_id = $1::uuid \(filter) ORDER BY id DESC LIMIT $3::bigint OFFSET $4::bigint",
            parameters + [.int(Int64(limit)), .int(Int64(offset))])
        var bookings: [Booking] = []
        for row in rows { bookings.append(try Self.booking(row)) }
        return (bookings, try total[0].int64("total"))
    }

    /// How an operation of one user ended.
    func operation(_ id: OperationID, of user: UserID) async throws(PostgresError) -> Operation? {
        let rows = try await database.query(
            "SELECT type, resource, status, version, error_code, error_message FROM operations WHERE id = $1::uuid AND user_id = $2::uuid",
            [.text(id.description), .text(user.description)])
        guard let row = rows.first else { return nil }
        return Operation(
            id: id, user: user, type: try row.string("type"), resource: try row.string("resource"),
            status: Operation.Status(rawValue: try row.string("status")) ?? .failed, version: try row.int64("version"),
            errorCode: try row.optionalString("error_code").flatMap(ErrorCode.init(rawValue:)), errorMessage: try row.optionalString("error_message"))
    }

    private static func booking(_ row: PostgresRow) throws(PostgresError) -> Booking {
        var booking = Booking(
            id: try row.id("id"), tenant: try row.id("tenant_id"), event: try row.id("event_id"), show: try row.id("show_id"),
            zone: try row.id("zone_id"), user: try row.id("user_id"), quantity: try row.int64("quantity"),
            seats: try row.string("seat_ids").split(separator: ",").compactMap { SeatID($0) },
            unitPriceMinor: try row.int64("unit_price_minor"), totalMinor: try row.int64("total_minor"), currency: try row.string("currency"),
            status: try row.word("status"), version: try row.int64("version"), createdAt: Timestamp(ms: try row.int64("created_at_ms")),
            expiresAt: Timestamp(ms: try row.int64("expires_at_ms")), updatedAt: Timestamp(ms: try row.int64("updated_at_ms")),
            idempotencyKey: try row.string("idempotency_key"), bodyHash: try row.string("body_hash"))
        booking.payment = try row.optionalString("payment_id").flatMap { PaymentID($0) }
        booking.paymentState = try row.optionalString("payment_state").flatMap(Booking.PaymentState.init(rawValue:))
        booking.declines = try row.int64("declines")
        booking.reason = try row.optionalString("reason").flatMap(BookingReason.init(rawValue:))
        // What cannot be read is not shown; who asks for the same ticket again is told by Redis.
        booking.used = try row.optionalString("used").flatMap { try? TicketUse.uses(json: Array($0.utf8)) } ?? []
        return booking
    }
}
