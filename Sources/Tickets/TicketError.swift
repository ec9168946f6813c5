/// A ticket that cannot be made, or a code that is not taken.
public struct TicketError: Error, Equatable, CustomStringConvertible {
    /// What went wrong; also a metric label.
    public enum Code: String, Sendable {
        /// A secret of fewer than 32 bytes, or none.
        case weakSecret = "weak_secret"
        /// A text that is no code of a ticket, or a link that lacks something.
        case malformed
        /// A code or a link that was not signed with one of our secrets.
        case badSignature = "bad_signature"
        /// A link whose time is over.
        case expired
        /// The image could not be made.
        case image
        /// The page's template could not be read or filled.
        case template
    }

    public let code: Code
    public let operation: String
    public let message: String
    public let file: String
    public let line: Int

    init(_ code: Code, operation: String, message: String, file: String = #fileID, line: Int = #line) {
        self.code = code
        self.operation = operation
        self.message = message
        self.file = file
        self.line = line
    }

    /// What a message handler should do: nothing here gets better by itself.
    public var isFatal: Bool { code == .weakSecret || code == .template }

    /// A text of bounded variety, for metric labels.
    public var label: String { code.rawValue }

    public var description: String { "\(operation): \(code.rawValue): \(message) (\(file):\(line))" }
}
