import Domain
import PaymentGateway

/// Sees to it that the gateway gives an amount back once, however often it is asked.
struct MoneyBack: Sendable {
    /// Refusals after which the gateway is not asked again.
    static let maxAttempts = 6

    /// How far it is.
    enum Outcome: Equatable, Sendable {
        /// The buyer has it.
        case given(id: String)
        /// The gateway is at it.
        case underWay
        /// The gateway said no, that many times.
        case refused(attempts: Int)
    }

    let gateway: any Gateway

    /// Gives an amount of an intent back, after reading what became of earlier tries: a refund that failed has its answer for ever, so another try
    /// needs another key, and that only when none can still succeed.
    func give(_ amountMinor: Int64, of intent: String, key: String, payment: PaymentID, booking: BookingID) async throws -> Outcome {
        let earlier = try await gateway.refunds(intent: intent).filter { $0.metadata["refund_key"] == key }
        var refused = 0
        for refund in earlier {
            switch refund.status {
            case .succeeded: return .given(id: refund.id)
            case .pending, .requiresAction: return .underWay
            case .failed, .canceled: refused += 1
            }
        }
        if refused >= Self.maxAttempts { return .refused(attempts: refused) }
        let refund = try await gateway.refund(
            intent: intent, amountMinor: amountMinor,
            metadata: ["refund_key": key, "payment_id": payment.description, "booking_id": booking.description],
            idempotencyKey: refused == 0 ? key : "\(key)-\(refused + 1)")
        switch refund.status {
        case .succeeded: return .given(id: refund.id)
        case .pending, .requiresAction: return .underWay
        case .failed, .canceled: return .refused(attempts: refused + 1)
        }
    }
}
