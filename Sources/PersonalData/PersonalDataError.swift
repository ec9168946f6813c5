/// Personal data that cannot be sealed or read. It holds none of them.
public struct PersonalDataError: Error, CustomStringConvertible {
    /// What went wrong; also a metric label.
    public enum Code: String, Sendable {
        /// A master key of fewer than 32 bytes.
        case weakKey = "weak_key"
        /// The seal is another's, was changed, or has another key.
        case unreadable
    }

    public let code: Code
    public let operation: String
    public let message: String
    /// What caused it, if another error did.
    public let underlying: (any Error)?
    public let file: String
    public let line: Int

    init(_ code: Code, operation: String, message: String, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// A text of bounded variety, for metric labels.
    public var label: String { code.rawValue }

    public var description: String { "\(operation): \(message) [\(label)] at \(file):\(line)" }
}
