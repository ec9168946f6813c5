/// Why a worker cannot start or go on.
public struct WorkerError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: String, Sendable {
        /// The configuration contradicts itself or the declared topics.
        case configuration
        /// A failure that no waiting repairs, as a handler or Kafka reported it.
        case fatal
    }

    /// What failed, for code.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// What went wrong, for people.
    public let message: String
    /// What caused it.
    public let underlying: (any Error)?
    /// Where the error was made, as `module/file:line`.
    public let location: String

    init(_ code: Code, operation: String, message: String, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.location = "\(file):\(line)"
    }

    /// A short form of bounded variety, for metric labels.
    public var label: String { "worker_\(code.rawValue)" }

    public var description: String { "\(operation): \(message) at \(location)" }
}
