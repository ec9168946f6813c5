/// Why a call to the payment gateway gave no result. It holds no token, key or metadata.
public struct GatewayError: Error {
    /// The kind of failure; bounded, so it can be a metric label.
    public enum Code: String, Sendable, CaseIterable {
        /// No answer in time.
        case timeout
        /// No connection, or it ended before the answer was whole.
        case connection
        /// The gateway is in trouble (5xx), refuses for now (429), or the circuit is open.
        case unavailable
        /// Another call with the same idempotency key is still at work (409).
        case inProgress = "in_progress"
        /// 402 where no intent came with it: a payment method was refused before there was anything to charge.
        case declined
        /// The idempotency key was used with other parameters.
        case keyReused = "key_reused"
        /// The request is wrong (other 4xx), and stays wrong.
        case invalidRequest = "invalid_request"
        /// No such intent or refund at this gateway.
        case notFound = "not_found"
        /// The secret key is wrong, or may not do this.
        case authentication
        /// An answer that is not what the API promises: not JSON, another shape, too long.
        case unexpectedReply = "unexpected_reply"
        /// `maxPending` calls are under way in this process.
        case overloaded
        /// The task was cancelled.
        case cancelled
        /// The client was shut down, or never started.
        case stopped
        /// The system refused a thread or memory.
        case system
    }

    /// The kind of failure.
    public let code: Code
    /// The call, such as `confirm intent`.
    public let operation: String
    /// What happened, for people.
    public let message: String
    /// The HTTP status; nil when there was no answer.
    public let status: Int?
    /// The gateway's own error code, such as `resource_missing`; nil when it gave none.
    public let gatewayCode: String?
    /// The gateway's name for the request, to ask its support by.
    public let requestID: String?
    /// True when the call may have had its effect all the same, in this or an earlier try. Then only a read, or the same call with the same
    /// idempotency key, can tell. Always false for a read.
    public let isFateUnknown: Bool
    /// When to try again, where the gateway or the circuit says so.
    public let retryAfter: Duration?
    /// What caused it, if another error did.
    public let underlying: (any Error)?
    /// `#fileID` of the place that made the error.
    public let file: String
    /// Line of the place that made the error.
    public let line: UInt

    /// Made by the client, and by tests of what is built on it.
    public init(
        code: Code, operation: String, message: String, status: Int? = nil, gatewayCode: String? = nil, requestID: String? = nil,
        isFateUnknown: Bool = false, retryAfter: Duration? = nil, underlying: (any Error)? = nil, file: String = #fileID, line: UInt = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.status = status
        self.gatewayCode = gatewayCode
        self.requestID = requestID
        self.isFateUnknown = isFateUnknown
        self.retryAfter = retryAfter
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// A bounded text for metric labels.
    public var label: String { code.rawValue }

    /// The same error, where an earlier try of the same call may have had its effect.
    func withUnknownFate(_ isUnknown: Bool) -> GatewayError {
        copy(isFateUnknown: isFateUnknown || isUnknown, underlying: underlying)
    }

    /// The same error with what caused it.
    func with(underlying: any Error) -> GatewayError {
        copy(isFateUnknown: isFateUnknown, underlying: underlying)
    }

    private func copy(isFateUnknown: Bool, underlying: (any Error)?) -> GatewayError {
        GatewayError(
            code: code, operation: operation, message: message, status: status, gatewayCode: gatewayCode, requestID: requestID,
            isFateUnknown: isFateUnknown, retryAfter: retryAfter, underlying: underlying, file: file, line: line)
    }
}

extension GatewayError: CustomStringConvertible {
    /// One line without personal data.
    public var description: String {
        var text = "gateway \(operation): \(message) [\(label)"
        if let status { text += " status=\(status)" }
        if let gatewayCode { text += " code=\(gatewayCode)" }
        if let requestID { text += " request=\(requestID)" }
        if isFateUnknown { text += ", fate unknown" }
        text += "] at \(file):\(line)"
        if let underlying { text += " caused by \(underlying)" }
        return text
    }
}
