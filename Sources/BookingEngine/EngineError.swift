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

    public var description: String { "\(operation): \(code.rawValue): \(message) (\(file):\(line))" }
}
