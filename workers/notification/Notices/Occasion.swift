/// What people are told of. The raw value is the template's name, and part of what makes a notification one of a kind.
enum Occasion: String, Sendable, CaseIterable {
    case reserved
    /// With the e-ticket.
    case confirmed
    case expired
    case eventCancelled = "event_cancelled"
    case receipt
    case paymentFailed = "payment_failed"
    case refund
    case queueTurn = "queue_turn"
    /// A day before the show, by the clock.
    case reminder

    /// Where it is told, mail first: what cannot wait for the next look into a mailbox also elsewhere.
    var channels: [Channel] {
        switch self {
        case .queueTurn, .eventCancelled: [.email, .sms, .push]
        case .confirmed, .expired, .paymentFailed, .reminder: [.email, .push]
        case .reserved, .receipt, .refund: [.email]
        }
    }

    /// The name of its template for a channel, as the rows have it: `queue_turn`, `queue_turn.sms`.
    func template(for channel: Channel) -> String { channel == .email ? rawValue : "\(rawValue).\(channel.rawValue)" }
}

/// How somebody is reached.
enum Channel: String, Sendable, CaseIterable {
    case email, sms, push
}
