import Domain
import PostgresClient

/// Reads of payments, refunds and cancelled events from PostgreSQL. Read only.
struct PaymentReports: Sendable {
    let database: PostgresClient

    /// One payment of one user.
    func payment(_ id: PaymentID, of user: UserID) async throws(PostgresError) -> Payment? {
        let rows = try await database.query(
            """
            SELECT booking_id, event_id, tenant_id, method, amount_minor, currency, status, version, refunded_minor, error_code, error_message,
                   \(Self.ms("created_at")), \(Self.ms("updated_at"))
            FROM payments WHERE id = $1::uuid AND user_id = $2::uuid
            """, [.text(id.description), .text(user.description)])
        guard let row = rows.first else { return nil }
        return Payment(
            id: id, booking: try row.id("booking_id"), event: try row.id("event_id"), user: user, tenant: try row.id("tenant_id"),
            method: try row.word("method"), amountMinor: try row.int64("amount_minor"), currency: try row.string("currency"),
            status: try row.word("status"), version: try row.int64("version"), refundedMinor: try row.int64("refunded_minor"),
            errorCode: try row.optionalString("error_code"), errorMessage: try row.optionalString("error_message"),
            createdAt: Timestamp(ms: try row.int64("created_at_ms")), updatedAt: Timestamp(ms: try row.int64("updated_at_ms")))
    }

    /// Whose refunds a reader may see.
    enum Scope: Sendable {
        case user(UserID)
        case tenant(TenantID)
        case all

        /// The condition on a row, of which `$1` is the parameter.
        fileprivate var condition: (sql: String, parameter: PostgresValue) {
            switch self {
            case .user(let id): ("user_id = $1::uuid", .text(id.description))
            case .tenant(let id): ("tenant_id = $1::uuid", .text(id.description))
            case .all: ("$1::uuid IS NULL", .null)
            }
        }
    }

    func refund(_ id: RefundID, _ scope: Scope) async throws(PostgresError) -> RefundReport? {
        let (condition, parameter) = scope.condition
        let rows = try await database.query(
            "SELECT \(Self.refundColumns) FROM refunds WHERE \(condition) AND id = $2::uuid", [parameter, .text(id.description)])
        return try rows.first.map { (row) throws(PostgresError) in try Self.refund(row) } ?? nil
    }

    /// Newest first.
    func refunds(
        _ scope: Scope, status: RefundStatus?, offset: Int, limit: Int
    ) async throws(PostgresError) -> (rows: [RefundReport], total: Int64) {
        let (condition, parameter) = scope.condition
        let filter = "FROM refunds WHERE \(condition) AND ($2::text IS NULL OR status = $2::text)"
        let parameters = [parameter, status.map { .text($0.rawValue) } ?? .null]
        let total = try await database.query("SELECT count(*) AS total \(filter)", parameters)
        let rows = try await database.query(
            "SELECT \(Self.refundColumns) \(filter) ORDER BY id DESC LIMIT $3::bigint OFFSET $4::bigint",
            parameters + [.int(Int64(limit)), .int(Int64(offset))])
        var refunds: [RefundReport] = []
        for row in rows { refunds.append(try Self.refund(row)) }
        return (refunds, try total[0].int64("total"))
    }

    /// Whose an event is and whether it is cancelled; `nil` for one that is not there.
    func event(_ id: EventID) async throws(PostgresError) -> (tenant: TenantID, isCancelled: Bool)? {
        let rows = try await database.query(
            """
            SELECT tenant_id, status = 'cancelled' OR EXISTS (SELECT 1 FROM event_cancellations c WHERE c.event_id = e.id) AS is_cancelled
            FROM events e WHERE id = $1::uuid AND deleted_at IS NULL
            """, [.text(id.description)])
        guard let row = rows.first else { return nil }
        return (try row.id("tenant_id"), try row.bool("is_cancelled"))
    }

    /// How far the cancellation of an event is; `nil` where it has not begun.
    func cancellation(of id: EventID) async throws(PostgresError) -> CancellationReport? {
        let rows = try await database.query(
            """
            SELECT status, released, refunds, \(Self.ms("updated_at")),
                   (SELECT count(*) FROM refunds r WHERE r.event_id = c.event_id AND r.status = 'succeeded') AS refunded,
                   (SELECT count(*) FROM refunds r WHERE r.event_id = c.event_id AND r.status = 'failed' AND r.cause = 'event_cancelled') AS refused,
                   (SELECT count(*) FROM bookings b WHERE b.event_id = c.event_id AND b.status IN ('reserved', 'confirmed')) AS open
            FROM event_cancellations c WHERE event_id = $1::uuid
            """, [.text(id.description)])
        guard let row = rows.first else { return nil }
        return CancellationReport(
            event: id, status: try row.string("status"), released: try row.int64("released"), refunds: try row.int64("refunds"),
            refunded: try row.int64("refunded"), refused: try row.int64("refused"), open: try row.int64("open"),
            updatedAt: Timestamp(ms: try row.int64("updated_at_ms")))
    }

    private static let refundColumns = """
        id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status, version, error_code, error_message,
        \(ms("requested_at")), \(ms("updated_at"))
        """

    private static func refund(_ row: PostgresRow) throws(PostgresError) -> RefundReport {
        RefundReport(
            id: try row.id("id"), tenant: try row.id("tenant_id"), payment: try row.id("payment_id"), booking: try row.id("booking_id"),
            event: try row.id("event_id"), user: try row.id("user_id"), cause: try row.string("cause"), percent: try row.int64("percent"),
            amountMinor: try row.int64("amount_minor"), currency: try row.string("currency"), status: try row.word("status"),
            version: try row.int64("version"), errorCode: try row.optionalString("error_code"), errorMessage: try row.optionalString("error_message"),
            requestedAt: Timestamp(ms: try row.int64("requested_at_ms")), updatedAt: Timestamp(ms: try row.int64("updated_at_ms")))
    }

    private static func ms(_ column: String) -> String { "(extract(epoch FROM \(column)) * 1000)::bigint AS \(column)_ms" }
}
