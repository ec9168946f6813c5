/// Where a booking is in its life (SPEC, section 3).
public enum BookingStatus: String, Sendable, CaseIterable {
    case reserved, confirmed, cancelled, expired, refunded

    /// Whether nothing can follow, so that a waiter need not wait.
    public var isFinal: Bool {
        switch self {
        case .reserved, .confirmed: false
        case .cancelled, .expired, .refunded: true
        }
    }

    /// Whether the booking holds seats and counts against its user's limit.
    public var isLive: Bool { self == .reserved || self == .confirmed }

    /// The states that may come directly before this one.
    public var predecessors: Set<BookingStatus> {
        switch self {
        case .reserved: []
        case .confirmed, .cancelled, .expired: [.reserved]
        case .refunded: [.confirmed]
        }
    }
}

/// Why a booking ended as it did, where the status alone does not say it.
public enum BookingReason: String, Sendable, CaseIterable {
    /// The last payment that was allowed was declined.
    case paymentFailed = "payment_failed"
    /// Money came when the hold had ended, and was given back.
    case paidTooLate = "paid_too_late"
    /// The organiser cancelled the event.
    case eventCancelled = "event_cancelled"
    /// Its seats were another's when Redis, which had lost it, heard of it again.
    case seatsTaken = "seats_taken"
}
