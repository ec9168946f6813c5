/// What went wrong in this module.
public struct TelemetryError: Error, CustomStringConvertible {
    /// The kind of failure, safe as a metric label.
    public enum Code: String, Sendable {
        /// The monitoring port could not be listened on, or its server ended by itself.
        case serverFailed = "server_failed"
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// The cause in words, without personal data.
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

    public var description: String { "\(operation): \(message) [\(code.rawValue)] at \(location)" }
}
