import Domain
import PostgresClient

/// A refund, as its row says.
struct Refund: Equatable, Sendable {
    let id: RefundID
    let payment: PaymentID
    let booking: BookingID
    let event: EventID
    let user: UserID
    let tenant: TenantID
    let cause: RefundCause
    /// Of what was paid.
    let percent: Int64
    let amountMinor: Int64
    /// ISO 4217.
    let currency: String
    var status: RefundStatus
    /// Rises with every change.
    var version: Int64 = 1
    /// The operation that waits: the request's, later the decision's.
    var operation: OperationID?
    let requestedAt: Timestamp

    init(_ command: RefundCommand, of payment: Payment, percent: Int64) {
        id = command.refund
        self.payment = payment.id
        booking = payment.booking
        event = payment.event
        user = payment.user
        tenant = payment.tenant
        cause = command.cause
        self.percent = percent
        amountMinor = RefundRules.share(percent, of: payment.amountMinor)
        currency = payment.currency
        // Nobody is asked when the organiser cancelled the event.
        status = command.cause == .eventCancelled ? .processing : .requested
        operation = command.operation
        requestedAt = command.requestedAt
    }

    /// Reads the columns of ``columns``.
    init(_ row: PostgresRow) throws {
        id = try row.identifier("id")
        payment = try row.identifier("payment_id")
        booking = try row.identifier("booking_id")
        event = try row.identifier("event_id")
        user = try row.identifier("user_id")
        tenant = try row.identifier("tenant_id")
        cause = try row.word("cause")
        percent = try row.int64("percent")
        amountMinor = try row.int64("amount_minor")
        currency = try row.string("currency")
        status = try row.word("status")
        version = try row.int64("version")
        operation = try row.optionalString("operation_id").flatMap { OperationID($0) }
        requestedAt = Timestamp(ms: try row.int64("requested_ms"))
    }

    /// What ``init(_:)-(PostgresRow)`` reads of `refunds`.
    static let columns = """
        id, payment_id, booking_id, event_id, user_id, tenant_id, cause, percent, amount_minor, currency, status, version, operation_id,
        (extract(epoch FROM requested_at) * 1000)::bigint AS requested_ms
        """
}
