import Domain
import PostgresClient

/// What PostgreSQL says of money.
struct MoneyInventory: Sendable {
    struct Row: Sendable {
        let payment: PaymentID
        let booking: BookingID
        let method: PaymentMethod
        let amountMinor: Int64
        let status: PaymentStatus
        let version: Int64
        let capturedMinor: Int64
        let refundedMinor: Int64
        let saga: SagaState
    }

    struct RefundRow: Sendable {
        let refund: RefundID
        let payment: PaymentID
        let amountMinor: Int64
        let status: RefundStatus
    }

    var payments: [PaymentID: Row] = [:]
    var refunds: [RefundID: RefundRow] = [:]

    static func read(_ database: PostgresClient) async throws -> MoneyInventory {
        var inventory = MoneyInventory()
        for row in try await database.query(
            """
            SELECT p.id, p.booking_id, p.method, p.amount_minor, p.status, p.version, p.captured_minor, p.refunded_minor, s.state
            FROM payments p JOIN saga_instances s USING (id)
            """, [])
        {
            guard let id = PaymentID(try row.string("id")), let booking = BookingID(try row.string("booking_id")),
                let method = PaymentMethod(rawValue: try row.string("method")), let status = PaymentStatus(rawValue: try row.string("status")),
                let saga = SagaState(rawValue: try row.string("state"))
            else { continue }
            inventory.payments[id] = Row(
                payment: id, booking: booking, method: method, amountMinor: try row.int64("amount_minor"), status: status,
                version: try row.int64("version"), capturedMinor: try row.int64("captured_minor"), refundedMinor: try row.int64("refunded_minor"),
                saga: saga)
        }
        for row in try await database.query("SELECT id, payment_id, amount_minor, status FROM refunds", []) {
            guard let id = RefundID(try row.string("id")), let payment = PaymentID(try row.string("payment_id")),
                let status = RefundStatus(rawValue: try row.string("status"))
            else { continue }
            inventory.refunds[id] = RefundRow(refund: id, payment: payment, amountMinor: try row.int64("amount_minor"), status: status)
        }
        return inventory
    }

    /// Whether no money is on its way. A transfer or a wallet whose owner has not paid yet may take a day, and is rest.
    static func isAtRest(_ database: PostgresClient) async throws -> Bool {
        try await database.query(
            """
            SELECT (SELECT count(*) FROM saga_instances s JOIN payments p USING (id)
                    WHERE s.state IN ('created', 'paid', 'compensating') OR (s.state = 'reserved' AND p.method = 'card'))
                 + (SELECT count(*) FROM refunds WHERE status = 'processing')
                 + (SELECT count(*) FROM event_cancellations WHERE status = 'running') AS busy
            """, [])[0].int64("busy") == 0
    }
}
