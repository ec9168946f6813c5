/// The CloudEvents types of the messages on the topics (SPEC, section 4).
public enum MessageType: String, Sendable, CaseIterable {
    case bookingCreated = "booking.created.v1"
    /// The status stays; the due time, the payment or the reason changed.
    case bookingUpdated = "booking.updated.v1"
    case bookingConfirmed = "booking.confirmed.v1"
    case bookingCancelled = "booking.cancelled.v1"
    case bookingExpired = "booking.expired.v1"
    case bookingRefunded = "booking.refunded.v1"
    case bookingCancel = "booking.cancel.v1"

    case paymentCharge = "payment.charge.v1"
    /// A payment whose next step is due, by the clock.
    case paymentAdvance = "payment.advance.v1"
    /// The gateway has news of a payment; the ingress checked the signature.
    case paymentWebhook = "payment.webhook.v1"
    case paymentRefund = "payment.refund.v1"
    case paymentDecideRefund = "payment.decide_refund.v1"
    /// Every booking of a cancelled event is to be refunded.
    case paymentRefundEvent = "payment.refund_event.v1"

    case paymentProcessing = "payment.processing.v1"
    case paymentSuccess = "payment.success.v1"
    case paymentFailed = "payment.failed.v1"
    case paymentRefunded = "payment.refunded.v1"

    /// A refund changed; its whole state.
    case refundUpdated = "refund.updated.v1"
    /// An event is cancelled, and how far its bookings are given back.
    case eventCancelled = "event.cancelled.v1"

    /// A mode for an event's line.
    case queueSetMode = "queue.set_mode.v1"

    case queueJoined = "queue.joined.v1"
    case queueAdmitted = "queue.admitted.v1"
    case queueUsed = "queue.used.v1"
    case queueLeft = "queue.left.v1"
    case queueLapsed = "queue.lapsed.v1"
    case queueSoldOut = "queue.sold_out.v1"
    case queueEnded = "queue.ended.v1"
    /// The order of those who came early was drawn; the event has the seed.
    case queueOpened = "queue.opened.v1"
    case queueModeChanged = "queue.mode_changed.v1"

    case operationFinished = "operation.finished.v1"

    /// Somebody looked at an event's page.
    case analyticsViewed = "analytics.viewed.v1"

    /// Somebody did something that is to be remembered.
    case auditRecorded = "audit.recorded.v1"

    case opsRedrive = "ops.redrive.v1"
    case opsDiscard = "ops.discard.v1"
    case opsImport = "ops.import.v1"
    case opsReplay = "ops.replay.v1"
}
