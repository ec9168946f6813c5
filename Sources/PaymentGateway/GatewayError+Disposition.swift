import CurlClient

extension GatewayError {
    /// What a message handler should do about an error.
    public enum Disposition: String, Sendable {
        /// Try this again soon.
        case retry
        /// Trying again cannot help: the request itself is wrong.
        case deadLetter = "dead_letter"
        /// The gateway is away: pause until it is back.
        case outage
        /// The process cannot go on as it is configured.
        case fatal
    }

    /// What a message handler should do about this error. This file is the one place that decides it.
    public var disposition: Disposition {
        switch code {
        case .timeout: .retry  // it may be this payment alone; the intent is read before anything else
        case .connection: .outage  // tried several times already, and nobody answers
        case .unavailable: .outage  // in trouble, overrun, or known to be so
        case .inProgress: .retry  // the other call ends by itself
        case .declined: .deadLetter  // the same payment method is refused again
        case .keyReused: .deadLetter  // our own mistake: the same key for two things
        case .invalidRequest: .deadLetter  // the same request is refused again
        case .notFound: .deadLetter  // intents are never deleted: another gateway's id, or another account's
        case .authentication: .outage  // a person corrects the key; until then no payment fares better, and none is lost
        case .unexpectedReply: .retry  // an intermediary's error page; the retries are few, then a person looks
        case .overloaded: .retry  // our own queue is full for a moment
        case .cancelled: .retry  // the caller gave up, not the gateway
        case .stopped: .outage  // this process is going down; the message belongs to the next one
        case .system: .fatal  // no thread or memory left to work with
        }
    }

    /// Whether an error of one try speaks against the gateway as a whole, for the circuit breaker. A refusal is an answer.
    var isGatewayFailure: Bool {
        switch code {
        case .timeout, .connection, .unexpectedReply: true
        case .unavailable: status != 429  // 429 is an answer: slower, but there
        default: false
        }
    }

    /// Whether another try, with the same idempotency key, may help within the call. A time-out is not tried again here: the caller has waited long
    /// enough, and reads.
    var isWorthAnotherTry: Bool {
        switch code {
        case .connection, .inProgress: true
        case .unavailable: true  // an open circuit never gets here
        default: false
        }
    }

    /// A failure of the exchange.
    static func transport(_ error: CurlError, operation: String, isWrite: Bool) -> GatewayError {
        let code: Code =
            switch error.code {
            case .timeout: .timeout
            case .notResolved, .notConnected, .tls, .connectionLost: .connection
            case .protocolViolation, .tooLarge: .unexpectedReply
            case .overloaded: .overloaded
            case .cancelled: .cancelled
            case .invalidRequest, .forbiddenAddress: .invalidRequest
            case .refused, .later, .unavailable, .unauthorized: .unexpectedReply  // of mail servers only
            case .stopped: .stopped
            case .system: .system
            }
        return GatewayError(
            code: code, operation: operation, message: error.message, isFateUnknown: isWrite && error.mayHaveBeenSent, underlying: error)
    }
}
