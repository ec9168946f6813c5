import Domain
import PostgresClient
import WorkerRuntime

/// The rows of refunds. Every write is guarded by what was read.
struct RefundStore: Sendable {
    let database: PostgresClient
    /// The consumer group, under which the inbox remembers messages.
    let group: String

    private static let eventCancelled = "The event was cancelled; everything is given back."
    private static let seatsTaken = "The seats went to another; everything is given back."

    /// Reads a refund; nil where there is none.
    func refund(_ id: RefundID) async throws -> Refund? {
        try await database.query("SELECT \(Refund.columns) FROM refunds WHERE id = $1", [.text(id.description)]).first.map { try Refund($0) }
    }

    /// When a show starts; nil for a show that PostgreSQL does not know.
    func showStarts(_ show: ShowID) async throws -> Timestamp? {
        let rows = try await database.query(
            "SELECT (extract(epoch FROM starts_at) * 1000)::bigint AS ms FROM shows WHERE id = $1", [.text(show.description)])
        return try rows.first.map { Timestamp(ms: try $0.int64("ms")) }
    }

    /// A booking's status and show as PostgreSQL reports them, for one that Redis does not have.
    func reported(_ booking: BookingID) async throws -> (status: BookingStatus, show: ShowID)? {
        let rows = try await database.query("SELECT status, show_id FROM bookings WHERE id = $1", [.text(booking.description)])
        return try rows.first.map { (try $0.word("status"), try $0.identifier("show_id")) }
    }

    /// The organiser's compensation for a cancelled event, in per cent of what is given back.
    func compensation(of tenant: TenantID) async throws -> Int64 {
        let rows = try await database.query("SELECT compensation_percent FROM tenants WHERE id = $1", [.text(tenant.description)])
        return try rows.first?.int64("compensation_percent") ?? 0
    }

    /// Refunds of a payment that another, about which nobody is asked, made superfluous.
    func overruled(of payment: PaymentID) async throws -> [Refund] {
        try await database.query(
            "SELECT \(Refund.columns) FROM refunds WHERE payment_id = $1 AND status = 'rejected' AND error_code IN ('event_cancelled', 'seats_taken')",
            [.text(payment.description)]
        ).map { try Refund($0) }
    }

    /// The newest refund of a payment; nil where there is none.
    func newest(of payment: PaymentID) async throws -> Refund? {
        try await database.query(
            "SELECT \(Refund.columns) FROM refunds WHERE payment_id = $1 ORDER BY updated_at DESC, id DESC LIMIT 1", [.text(payment.description)]
        ).first.map { try Refund($0) }
    }

    /// Writes a new refund, with the voucher that a cancelled event brings, and what goes with it.
    /// - Returns: whether it was written; not when it is there already, or another of its payment is.
    func insert(_ refund: Refund, ending: Ending?) async throws -> Bool {
        let group = group
        return try await database.transaction { connection in
            if !refund.cause.needsDecision {
                // What waits for the organiser's word has it now.
                _ = try connection.query(
                    """
                    UPDATE refunds SET status = 'rejected', version = version + 1, error_code = $4, error_message = $5,
                        updated_at = to_timestamp($3::bigint / 1000.0)
                    WHERE payment_id = $1 AND status = 'requested' AND id <> $2
                    """,
                    [
                        .text(refund.payment.description), .text(refund.id.description), .int(refund.createdAt.ms), .text(refund.cause.rawValue),
                        .text(refund.cause == .seatsTaken ? Self.seatsTaken : Self.eventCancelled),
                    ])
            }
            guard try !connection.query(Self.insert, refund.values).isEmpty else { return false }
            if let voucher = refund.voucherMinor { try connection.insertVoucher(of: voucher, for: refund) }
            if let ending { try connection.record([ending], group: group) }
            return true
        }
    }

    /// Writes a refund's next state.
    /// - Parameters:
    ///   - next: with the next version.
    ///   - payment: as it is after the money went back, one version on.
    /// - Returns: whether the rows were still what it goes out from; otherwise nothing was written.
    func write(_ next: Refund, payment: Payment? = nil, ending: Ending?) async throws -> Bool {
        let group = group
        return try await database.transaction { connection in
            let written = try connection.query(
                Self.update,
                [
                    .text(next.id.description), .int(next.version - 1), .int(next.version), .text(next.status.rawValue),
                    PostgresValue(next.gatewayID),
                    PostgresValue(next.operation?.description), PostgresValue(next.decidedBy?.description), PostgresValue(next.errorCode),
                    PostgresValue(next.errorMessage), .int(next.updatedAt.ms),
                ])
            if written.isEmpty { return false }
            if let payment, try connection.query(Self.updatePayment, payment.refundValues).isEmpty {
                throw Failure(.retry, label: "overtaken", message: "the payment was changed meanwhile")
            }
            if let ending { try connection.record([ending], group: group) }
            return true
        }
    }

    /// Writes the end of an operation that came to nothing else.
    func finish(_ ending: Ending) async throws {
        let group = group
        try await database.transaction { connection in try connection.record([ending], group: group) }
    }

    /// Reads how an operation ended; nil where it has not.
    func operation(_ id: OperationID) async throws -> Operation? {
        let rows = try await database.query(
            "SELECT user_id, type, resource, status, version, error_code, error_message FROM operations WHERE id = $1", [.text(id.description)])
        return try rows.first.map { row in
            Operation(
                id: id, user: try row.identifier("user_id"), type: try row.string("type"), resource: try row.string("resource"),
                status: try row.word("status"), version: try row.int64("version"),
                errorCode: try row.optionalString("error_code").flatMap(ErrorCode.init(rawValue:)),
                errorMessage: try row.optionalString("error_message"))
        }
    }

    private static let insert = """
        INSERT INTO refunds (id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status, version,
            operation_id, requested_at, created_at, updated_at, wake_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, to_timestamp($13::bigint / 1000.0), to_timestamp($14::bigint / 1000.0),
            to_timestamp($14::bigint / 1000.0), CASE WHEN $11 = 'processing' THEN now() + interval '15 seconds' END)
        ON CONFLICT DO NOTHING RETURNING id
        """

    private static let update = """
        UPDATE refunds SET version = $3, status = $4, gateway_id = $5, operation_id = $6, decided_by = $7::uuid, error_code = $8,
            error_message = $9, updated_at = to_timestamp($10::bigint / 1000.0),
            wake_at = CASE WHEN $4 = 'processing' THEN now() + interval '15 seconds' END
        WHERE id = $1 AND version = $2 RETURNING id
        """

    private static let updatePayment = """
        UPDATE payments SET status = $3, version = $2::bigint, refunded_minor = $4, updated_at = to_timestamp($5::bigint / 1000.0)
        WHERE id = $1 AND version = $2::bigint - 1 RETURNING id
        """
}

extension Refund {
    fileprivate var values: [PostgresValue] {
        [
            .text(id.description), .text(tenant.description), .text(payment.description), .text(booking.description), .text(event.description),
            .text(user.description), .text(cause.rawValue), .int(percent), .int(amountMinor), .text(currency), .text(status.rawValue),
            PostgresValue(operation?.description), .int(requestedAt.ms), .int(createdAt.ms),
        ]
    }
}

extension Payment {
    fileprivate var refundValues: [PostgresValue] {
        [.text(id.description), .int(version), .text(status.rawValue), .int(refundedMinor), .int(updatedAt.ms)]
    }
}

extension PostgresConnection {
    /// The organiser's compensation; one a booking, and with the refund's id, since there is one for one.
    fileprivate func insertVoucher(of amountMinor: Int64, for refund: Refund) throws {
        _ = try query(
            """
            INSERT INTO vouchers (id, tenant_id, user_id, event_id, booking_id, amount_minor, currency, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::bigint / 1000.0), to_timestamp($8::bigint / 1000.0)) ON CONFLICT DO NOTHING
            """,
            [
                .text(refund.id.description), .text(refund.tenant.description), .text(refund.user.description), .text(refund.event.description),
                .text(refund.booking.description), .int(amountMinor), .text(refund.currency), .int(refund.createdAt.ms),
            ])
    }
}
