/// Where a payment is in its life (SPEC, section 3).
public enum PaymentStatus: String, Sendable, CaseIterable {
    /// Accepted; no money can move yet.
    case pending
    /// The gateway knows of it, so that its outcome must be read there.
    case processing
    case success, failed, timeout
    case refunded
    case partiallyRefunded = "partially_refunded"

    /// Whether nothing follows by itself, so that a waiter need not wait. A success may still be refunded, on request.
    public var isFinal: Bool {
        switch self {
        case .pending, .processing, .success, .partiallyRefunded: false
        case .failed, .timeout, .refunded: true
        }
    }

    /// Whether the gateway took the money, even if some of it, or all, went back.
    public var isPaid: Bool { self == .success || self == .refunded || self == .partiallyRefunded }

    /// Whether money may still move towards us.
    public var isOpen: Bool { self == .pending || self == .processing }
}

/// How a payment is made. Card numbers never come here, only the gateway's tokens.
public enum PaymentMethod: String, Sendable, CaseIterable {
    case card
    /// Completes within a day, by webhook.
    case bankTransfer = "bank_transfer"
    /// Completes within minutes, by webhook.
    case wallet

    /// How long a payment may be open after it began, in ms; then it is called off at the gateway.
    public var limitMs: Int64 {
        switch self {
        case .card: 2 * 60_000
        case .wallet: 5 * 60_000
        case .bankTransfer: 24 * 3_600_000
        }
    }
}
