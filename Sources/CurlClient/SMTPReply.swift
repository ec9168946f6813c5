/// How far a mail came in its dialogue with the server, and what the server said last. It holds no address.
public struct SMTPReply: Sendable, Equatable, CustomStringConvertible {
    /// What the server was asked last.
    public enum Stage: String, Sendable {
        /// Nothing yet: the connection, and its greeting.
        case connect
        /// EHLO or HELO.
        case hello
        /// STARTTLS.
        case encryption
        /// AUTH.
        case authentication
        /// MAIL FROM.
        case sender
        /// RCPT TO.
        case recipient
        /// DATA, and the mail itself.
        case content
    }

    /// What the server was asked last.
    public let stage: Stage
    /// The server's last reply, 200 to 599; 0 before its first, and while the one to the latest command is awaited.
    public let code: Int
    /// The enhanced status code of that reply, such as `5.1.1` (RFC 3463), where there is one.
    public let enhanced: String?

    public init(stage: Stage, code: Int, enhanced: String? = nil) {
        self.stage = stage
        self.code = code
        self.enhanced = enhanced
    }

    /// Whether the refusal is one of policy or authorisation (`x.7.x`), not of the address.
    public var isPolicy: Bool { enhanced?.dropFirst().hasPrefix(".7.") ?? false }

    /// `recipient 550 5.1.1`.
    public var description: String { "\(stage.rawValue) \(code)\(enhanced.map { " \($0)" } ?? "")" }
}

/// Follows the dialogue of one mail by what libcurl sends and hears. Only verbs and codes are kept: the rest has addresses and passwords in it.
struct SMTPDialogue {
    private(set) var reply = SMTPReply(stage: .connect, code: 0)
    /// After QUIT, which libcurl sends when a command was refused, only goodbyes come.
    private var isLeaving = false

    /// Takes a command that was sent.
    mutating func said(_ command: UnsafeRawBufferPointer) {
        let verb = String(decoding: command.prefix(4), as: UTF8.self).uppercased()
        let stage: SMTPReply.Stage
        switch verb {
        case "EHLO", "HELO": stage = .hello
        case "STAR": stage = .encryption
        case "AUTH": stage = .authentication
        case "MAIL": stage = .sender
        case "RCPT": stage = .recipient
        case "DATA": stage = .content
        case "QUIT":
            isLeaving = true
            return
        // A line that belongs to AUTH.
        default: return
        }
        reply = SMTPReply(stage: stage, code: 0)
    }

    /// Takes a line that was received.
    mutating func heard(_ line: UnsafeRawBufferPointer) {
        if isLeaving { return }
        let fields = String(decoding: line.prefix(24), as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "-" || $0.isNewline })
        guard let first = fields.first, first.utf8.count == 3, let code = Int(first), (200..<600).contains(code) else { return }
        var enhanced: String?
        if fields.count > 1 {
            let parts = fields[1].split(separator: ".", omittingEmptySubsequences: false)
            if parts.count == 3, parts.allSatisfy({ (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy { (48...57).contains($0) } }) {
                enhanced = String(fields[1])
            }
        }
        reply = SMTPReply(stage: reply.stage, code: code, enhanced: enhanced)
    }
}
