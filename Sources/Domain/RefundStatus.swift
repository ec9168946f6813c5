/// Where a refund is in its life.
public enum RefundStatus: String, Sendable, CaseIterable {
    /// Waits for the organiser.
    case requested
    /// The gateway is to give the money back.
    case processing
    case succeeded, rejected, failed

    /// Whether nothing follows.
    public var isFinal: Bool { self == .succeeded || self == .rejected || self == .failed }

    /// The states that may come directly before this one.
    public var predecessors: Set<RefundStatus> {
        switch self {
        case .requested: []
        case .processing, .rejected: [.requested]
        case .succeeded, .failed: [.processing]
        }
    }
}

/// Why money is given back.
public enum RefundCause: String, Sendable, CaseIterable {
    /// The buyer asked; the organiser decides.
    case requested
    /// The organiser cancelled the event; nobody is asked.
    case eventCancelled = "event_cancelled"
    /// The sale was forgotten with the store that held it, and its seats went to another before that was known; nobody is asked.
    case seatsTaken = "seats_taken"

    /// Whether the organiser decides about it.
    public var needsDecision: Bool { self == .requested }
}

/// What share of the price is given back (SPEC, section 3).
public enum RefundRules {
    private static let dayMs: Int64 = 86_400_000

    /// Per cent, by the time of the request: more than 7 days before the show 100, 3 to 7 days inclusive 50, less 0.
    public static func percent(showStarts: Timestamp, requestedAt: Timestamp) -> Int64 {
        let left = showStarts.ms - requestedAt.ms
        return left > 7 * dayMs ? 100 : left >= 3 * dayMs ? 50 : 0
    }

    /// A share of an amount in minor units, rounded once, half up.
    public static func share(_ percent: Int64, of amountMinor: Int64) -> Int64 {
        // In two parts, so that no amount can overflow.
        let (whole, rest) = amountMinor.quotientAndRemainder(dividingBy: 100)
        return whole * percent + (rest * percent + 50) / 100
    }
}
