import BookingEngine
import Domain

/// An outcome as the model spells it.
protocol Summarized {
    var summary: String { get }
}

extension ReserveOutcome: Summarized {
    var summary: String {
        switch self {
        case .seatsTaken: "seat_taken"
        default: label
        }
    }
}

extension PaymentStartOutcome: Summarized {
    var summary: String {
        switch self {
        case .begun(_, _, let entries): entries.isEmpty ? "begun_before" : "begun"
        case .replayed: "replayed"
        case .keyReused: "key_reused"
        case .missing: "missing"
        case .notYours: "not_yours"
        case .wrongState(let status): "wrong_state \(status)"
        case .expired: "expired"
        case .open: "open"
        case .declinedTooOften: "declined_too_often"
        case .methodNotAllowed: "method_not_allowed"
        case .outboxFull: "outbox_full"
        }
    }
}

extension ConfirmOutcome: Summarized {
    var summary: String {
        switch self {
        case .confirmed: "confirmed"
        case .confirmedBefore: "confirmed_before"
        case .ended(let status): "ended \(status)"
        case .otherPayment: "other_payment"
        case .missing: "missing"
        }
    }
}

extension PaymentEndOutcome: Summarized {
    var summary: String {
        switch self {
        case .ended(_, let declines, let status): "ended \(declines) \(status)"
        case .endedBefore(let declines, let status): "ended_before \(declines) \(status)"
        case .otherPayment: "other_payment"
        case .missing: "missing"
        }
    }
}

extension ReleaseOutcome: Summarized {
    var summary: String {
        switch self {
        case .released: "released"
        case .releasedBefore: "released_before"
        case .wrongState(let status): "wrong_state \(status)"
        case .notDue: "not_due"
        case .paymentOpen: "payment_open"
        case .missing: "missing"
        }
    }
}

extension AcceptOutcome: Summarized {
    var summary: String {
        switch self {
        case .accepted: "accepted"
        case .replayed: "replayed"
        case .keyReused: "key_reused"
        case .missing: "missing"
        case .notYours: "not_yours"
        case .wrongState(let status): "wrong_state \(status)"
        case .paymentOpen: "payment_open"
        case .ticketUsed: "ticket_used"
        case .outboxFull: "outbox_full"
        }
    }
}
