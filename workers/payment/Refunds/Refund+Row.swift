import Domain
import PostgresClient

extension Refund {
    /// A refund that begins.
    /// - Parameter compensation: what the organiser gives on top for a cancelled event, in per cent.
    init(_ command: RefundCommand, of payment: Payment, percent: Int64, compensation: Int64 = 0, now: Timestamp) {
        let amount = RefundRules.share(percent, of: payment.amountMinor)
        let voucher = RefundRules.share(compensation, of: amount)
        self.init(
            id: command.refund, payment: payment.id, booking: payment.booking, event: payment.event, user: payment.user, tenant: payment.tenant,
            cause: command.cause, percent: percent, amountMinor: amount, currency: payment.currency,
            status: command.cause.needsDecision ? .requested : .processing, operation: command.operation,
            voucherMinor: voucher > 0 ? voucher : nil, requestedAt: command.requestedAt, createdAt: now, updatedAt: now)
    }

    /// Reads the columns of ``columns``.
    init(_ row: PostgresRow) throws {
        func id<Kind>(_ column: String) throws -> Identifier<Kind> { try row.identifier(column) }
        func time(_ column: String) throws -> Timestamp { Timestamp(ms: try row.int64(column)) }
        self.init(
            id: try id("id"), payment: try id("payment_id"), booking: try id("booking_id"), event: try id("event_id"), user: try id("user_id"),
            tenant: try id("tenant_id"), cause: try row.word("cause"), percent: try row.int64("percent"), amountMinor: try row.int64("amount_minor"),
            currency: try row.string("currency"), status: try row.word("status"), version: try row.int64("version"),
            operation: try row.optionalString("operation_id").flatMap { OperationID($0) }, gatewayID: try row.optionalString("gateway_id"),
            decidedBy: try row.optionalString("decided_by").flatMap { UserID($0) }, errorCode: try row.optionalString("error_code"),
            errorMessage: try row.optionalString("error_message"), voucherMinor: try row.optionalInt64("voucher_minor"),
            requestedAt: try time("requested_ms"), createdAt: try time("created_ms"), updatedAt: try time("updated_ms"))
    }

    /// What ``init(_:)-(PostgresRow)`` reads of `refunds`.
    static let columns = """
        id, payment_id, booking_id, event_id, user_id, tenant_id, cause, percent, amount_minor, currency, status, version, operation_id,
        gateway_id, decided_by, error_code, error_message, (SELECT amount_minor FROM vouchers v WHERE v.id = refunds.id) AS voucher_minor,
        (extract(epoch FROM requested_at) * 1000)::bigint AS requested_ms, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
        (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
        """
}
