/// A 4xx about an intent that is an answer all the same: the payment was declined, or the intent is no longer in a state for the call.
struct IntentRefusal: Error {
    /// As it came with the error.
    let intent: Intent?
    private let decline: Intent.PaymentError?
    private let isAboutState: Bool

    /// Nil for errors of another kind.
    init?(_ error: GatewayError, _ reply: ErrorReply?) {
        guard let reply else { return nil }
        switch error.code {
        case .declined:
            decline = Intent.PaymentError(code: reply.code ?? "card_declined", declineCode: reply.declineCode, message: reply.message ?? "")
            isAboutState = false
        case .invalidRequest:
            decline = nil
            isAboutState = reply.code == "payment_intent_unexpected_state"
        default: return nil
        }
        intent = decline != nil || isAboutState ? reply.intent : nil
    }

    /// What a read after the refusal means; nil when it explains nothing, and the refusal stands.
    func answer(_ current: Intent) -> Intent? {
        guard let decline else {
            // Gateways of Stripe's shape do not all say what they refuse a call for: the state tells it.
            let isOver = [.succeeded, .canceled, .processing].contains(current.status)
            return isAboutState || isOver ? current : nil
        }
        // The reason of the decline, where the intent keeps none.
        guard current.status == .requiresPaymentMethod, current.lastError == nil else { return current }
        return Intent(
            id: current.id, status: current.status, amountMinor: current.amountMinor, amountReceivedMinor: current.amountReceivedMinor,
            currency: current.currency, metadata: current.metadata, lastError: decline)
    }
}
