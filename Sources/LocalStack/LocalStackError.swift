/// What went wrong while starting, supervising or asking a local installation.
public struct LocalStackError: Error, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable {
        /// Another program listens on the port.
        case portTaken = "port_taken"
        /// A program or user that the installation needs is not on this machine.
        case missingTool = "missing_tool"
        /// A child ended by itself.
        case childDied = "child_died"
        /// A child, an answer or a signal took longer than its limit.
        case timeout
        /// Another supervisor uses the folder.
        case alreadyRunning = "already_running"
        /// A setting or a call makes no sense, such as restarting what was never started.
        case invalid
        /// The operating system refused a call.
        case system
        /// The connection ended before a whole answer, or could not be made.
        case noAnswer = "no_answer"
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// The cause in words that an operator can act on; may have several lines (the tail of a log).
    public let message: String
    /// The error below this one.
    public let underlying: (any Error)?
    /// Where it was made, as `#fileID`:line.
    public let location: String

    init(
        _ code: Code, operation: String, message: String, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.location = "\(file):\(line)"
    }

    public var description: String { "\(operation): \(message)" }
}
