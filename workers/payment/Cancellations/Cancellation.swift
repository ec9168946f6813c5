import Domain
import PostgresClient

/// A cancelled event on its way through the queue, as its row says.
struct Cancellation: Sendable {
    let event: EventID
    let tenant: TenantID
    let operation: OperationID
    /// Who cancelled it.
    let user: UserID
    let isDone: Bool
    /// Holds that were ended, and refunds that were asked for.
    let counts: (released: Int64, refunds: Int64)
    let updatedAt: Timestamp
    /// Up to where this pass through the event's bookings has come; nil at its beginning.
    var lastBooking: BookingID?
    /// Refunds that the gateway refused for good.
    var refused: Int64

    init(_ row: PostgresRow) throws {
        event = try row.identifier("event_id")
        tenant = try row.identifier("tenant_id")
        operation = try row.identifier("operation_id")
        user = try row.identifier("requested_by")
        isDone = try row.string("status") == "done"
        refused = try row.int64("refused")
        counts = (try row.int64("released"), try row.int64("refunds"))
        updatedAt = Timestamp(ms: try row.int64("updated_ms"))
        lastBooking = try row.optionalString("last_booking").flatMap { BookingID($0) }
    }

    /// What `refund.events` is told of it.
    var state: CancelledEvent {
        CancelledEvent(
            cancellation: EventCancellation(operation: operation, event: event, user: user, tenant: tenant), isDone: isDone,
            released: counts.released, refunds: counts.refunds, updatedAt: updatedAt)
    }

    /// The operation when everything is given back, or all but what the gateway refused.
    var finishedOperation: Operation {
        Operation(id: operation, user: user, type: "event.cancel", resource: "/api/v1/events/\(event)").finished(
            error: refused == 0
                ? nil : (.paymentFailed, "The gateway refused \(refused) of the refunds for good; their money has to be given back by hand."))
    }
}

/// What a pass finds of a booking in PostgreSQL, which may be behind.
struct ReportedBooking: Sendable {
    let id: BookingID
    let user: UserID
    let payment: PaymentID?
    /// Whether its money is on its way back or there.
    let hasRefund: Bool
    /// Whether the gateway refused to give its money back for good, which only a person can help.
    let isRefused: Bool
}
