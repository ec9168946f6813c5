/// Why the audit could not be searched, verified or exported.
public struct AuditError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: String, Sendable {
        /// A file cannot be written or read.
        case file
        /// An export does not hold what the table holds.
        case exportDiffers = "export_differs"
        /// A row or a chain does not hold.
        case broken
    }

    /// What to do about a failure.
    public enum Disposition: String, Sendable {
        case retry
        /// Only a person can decide.
        case fatal
    }

    public let code: Code
    public let operation: String
    /// For people; no personal data.
    public let message: String
    public let underlying: (any Error)?
    /// Where it was made, as `module/file:line`.
    public let location: String

    init(_ code: Code, _ operation: String, _ message: String, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.underlying = underlying
        location = "\(file):\(line)"
    }

    /// A short form of bounded variety, for metric labels.
    public var label: String { "audit_\(code.rawValue)" }

    public var disposition: Disposition {
        switch code {
        case .file: .retry  // a full disk is emptied, a folder is made
        case .exportDiffers: .retry  // a late row: it is exported anew
        case .broken: .fatal  // somebody changed what must not change
        }
    }

    public var description: String { "\(operation): \(message)" }
}
