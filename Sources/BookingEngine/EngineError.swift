public import RedisClient

/// A transition that could not be decided.
public struct EngineError: Error, CustomStringConvertible {
    /// What went wrong; also a metric label.
    public enum Code: String, Sendable {
        /// Redis could not be reached or did not answer in time; whether the script ran may be unknown.
        case redis
        /// The script answered what this build does not know.
        case unexpectedReply = "unexpected_reply"
        /// State that must be there is not: a zone whose hold exists. Nothing is decided on it.
        case stateMissing = "state_missing"
        /// Redis may have forgotten something and was not recovered yet; nothing was asked of it.
        case untrusted
    }

    /// What a message handler should do about an error.
    public enum Disposition: String, Sendable {
        /// Try this again soon.
        case retry
        /// Trying again cannot help.
        case deadLetter = "dead_letter"
        /// Pause until Redis, or its state, is back.
        case outage
        /// The process cannot go on as it is configured.
        case fatal
    }

    public let code: Code
    public let operation: String
    public let message: String
    public let underlying: RedisError?
    public let file: String
    public let line: Int

    init(_ code: Code, operation: String, message: String, underlying: RedisError? = nil, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    static func unexpected(_ operation: String, _ reply: RedisReply, file: String = #fileID, line: Int = #line) -> EngineError {
        EngineError(
            .unexpectedReply, operation: operation, message: "\(reply.elements?.first?.text ?? reply.text ?? "no outcome")", file: file, line: line)
    }

    /// Redis did not answer, or answered with an error.
    static func redis(_ operation: String, _ error: RedisError, file: String = #fileID, line: Int = #line) -> EngineError {
        EngineError(.redis, operation: operation, message: error.message, underlying: error, file: file, line: line)
    }

    /// The hold is there, and its zone is not.
    static func zoneMissing(_ operation: String, file: String = #fileID, line: Int = #line) -> EngineError {
        EngineError(.stateMissing, operation: operation, message: "the zone of a held booking is not in Redis", file: file, line: line)
    }

    /// Nothing is asked before recovery has said that Redis knows everything.
    static func untrusted(_ operation: String, file: String = #fileID, line: Int = #line) -> EngineError {
        EngineError(.untrusted, operation: operation, message: "Redis is being recovered", file: file, line: line)
    }

    /// What a message handler should do about this error.
    public var disposition: Disposition {
        switch code {
        case .redis: underlying.flatMap { Disposition(rawValue: $0.disposition.rawValue) } ?? .retry  // Redis' own word where it has one
        case .unexpectedReply: .retry  // a newer build may have written it
        case .untrusted: .outage  // until recovery is done; no message is to blame
        case .stateMissing: .outage  // it comes back with recovery; deciding without it would lose seats or money
        }
    }

    /// A text of bounded variety, for metric labels.
    public var label: String { underlying?.label ?? code.rawValue }

    public var description: String { "\(operation): \(code.rawValue): \(message) (\(file):\(line))" }
}
