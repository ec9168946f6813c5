/// What went wrong with a fleet: its file, its supervisor, or asking it.
public struct FleetError: Error, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable {
        /// The file has something that cannot be used; the message names the field and the line.
        case invalidFile = "invalid_file"
        /// A wish that makes no sense, such as a worker that is not in the file.
        case invalidWish = "invalid_wish"
        /// No supervisor runs in the folder.
        case notRunning = "not_running"
        /// Another supervisor has the folder.
        case alreadyRunning = "already_running"
        /// The supervisor did not answer, or not what was expected.
        case noAnswer = "no_answer"
        /// Something is not done within its limit.
        case timeout
        /// The operating system refused a call.
        case system
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// The cause in words that an operator can act on.
    public let message: String
    /// The error below this one.
    public let underlying: (any Error)?
    /// Where it was made, as `#fileID`:line.
    public let location: String

    init(_ code: Code, operation: String, message: String, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.location = "\(file):\(line)"
    }

    public var description: String { "\(operation): \(message)" }
}
