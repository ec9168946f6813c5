import Domain

/// A gateway small enough to be obviously right: what it captured and gave back is the truth about money.
struct LifecycleLedger {
    /// What will become of an intent; the seed decides it.
    enum Fate: CaseIterable {
        case succeeds, declines, succeedsLater, declinesLater, hangs
        /// It is refused when it is made.
        case refused
    }

    enum State: Equatable {
        case unconfirmed, processing, succeeded, declined
        case cancelled(afterDecline: Bool)
    }

    struct Intent {
        let amount: Int64
        let fate: Fate
        var state: State = .unconfirmed
        var captures = 0
        /// By idempotency key.
        var refunds: [String: Int64] = [:]

        var captured: Int64 { Int64(captures) * amount }
        var refunded: Int64 { refunds.values.reduce(0, +) }
    }

    private(set) var intents: [PaymentID: Intent] = [:]

    /// Whether the gateway took it; asked again it says the same.
    mutating func create(_ payment: PaymentID, amount: Int64, fate: Fate) -> Bool {
        if intents[payment] == nil, fate != .refused { intents[payment] = Intent(amount: amount, fate: fate) }
        return intents[payment] != nil
    }

    mutating func confirm(_ payment: PaymentID) -> State? {
        if intents[payment]?.state == .unconfirmed {
            switch intents[payment]?.fate {
            case .succeeds: capture(payment)
            case .declines: intents[payment]?.state = .declined
            default: intents[payment]?.state = .processing
            }
        }
        return intents[payment]?.state
    }

    /// What was to become of it later becomes of it now.
    mutating func progress(_ payment: PaymentID) {
        guard let intent = intents[payment], intent.state == .processing else { return }
        switch intent.fate {
        case .succeedsLater: capture(payment)
        case .declinesLater: intents[payment]?.state = .declined
        default: break
        }
    }

    mutating func cancel(_ payment: PaymentID) -> State? {
        switch intents[payment]?.state {
        case .unconfirmed, .processing: intents[payment]?.state = .cancelled(afterDecline: false)
        case .declined: intents[payment]?.state = .cancelled(afterDecline: true)
        default: break
        }
        return intents[payment]?.state
    }

    mutating func refund(_ payment: PaymentID, key: String, amount: Int64) {
        if intents[payment]?.refunds[key] == nil { intents[payment]?.refunds[key] = amount }
    }

    private mutating func capture(_ payment: PaymentID) {
        intents[payment]?.captures += 1
        intents[payment]?.state = .succeeded
    }
}
