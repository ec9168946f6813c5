/// Where the saga of one payment is: reserve, pay, confirm, each with what undoes it (SPEC, F6).
///
/// ```
/// created ── intent made ──► reserved ── captured ──► paid ── confirmed ──► confirmed
///    │                          │                       └── hold ended ──► compensating ── given back ──► failed
///    └── hold ended, refused,   └── declined, called off ──► failed
///        called off ──► failed
/// ```
public enum SagaState: String, Sendable, CaseIterable {
    /// Begun: the hold is extended, no money can move.
    case created
    /// The gateway has an unconfirmed intent, and its id is committed. From here on only the gateway knows whether money moved.
    case reserved
    /// Money was captured.
    case paid
    /// The seats are sold: the good end.
    case confirmed
    /// Nothing is owed on either side: the other end.
    case failed
    /// Money was captured and there is no hold for it: it is being given back.
    case compensating

    /// Whether nothing follows.
    public var isFinal: Bool { self == .confirmed || self == .failed }

    /// The state after something happened.
    /// - Throws: ``IllegalSagaTransition`` when that cannot happen in this state.
    public func after(_ event: SagaEvent) throws(IllegalSagaTransition) -> SagaState {
        switch (self, event) {
        case (.created, .intentMade): .reserved
        case (.created, .holdEnded), (.created, .declined), (.created, .calledOff): .failed
        case (.reserved, .captured): .paid
        case (.reserved, .declined), (.reserved, .calledOff): .failed
        case (.paid, .seatsSold): .confirmed
        case (.paid, .holdEnded): .compensating
        case (.compensating, .givenBack): .failed
        default: throw IllegalSagaTransition(state: self, event: event)
        }
    }
}

/// What can happen to a saga; each is a fact that was read or written, never a guess.
public enum SagaEvent: String, Sendable, CaseIterable {
    /// The gateway made an intent, and its id is known.
    case intentMade
    /// The hold was read in a final state.
    case holdEnded
    /// The gateway refused, for good.
    case declined
    /// The time was over and the gateway has no intent, or has cancelled it.
    case calledOff
    /// The gateway has the money.
    case captured
    /// `confirm.lua` said that the seats are sold to this payment.
    case seatsSold
    /// The gateway gave the money back.
    case givenBack
}

/// A step that the saga does not have.
public struct IllegalSagaTransition: Error, Equatable, CustomStringConvertible {
    public let state: SagaState
    public let event: SagaEvent

    public var description: String { "a saga that is \(state.rawValue) cannot take \(event.rawValue)" }
}
