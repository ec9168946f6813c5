/// One mail on its way to one recipient.
public struct SMTPMessage: Sendable {
    /// The envelope's sender, where the mail goes back to: an address alone.
    public var sender: String
    /// The envelope's recipient: an address alone.
    public var recipient: String
    /// The mail itself (RFC 5322): headers and body, lines ended by CR LF. libcurl doubles the dots that begin a line.
    public var content: [UInt8]
    /// From submission to the server's last word; nil is the client's ``CurlConfiguration/timeout``.
    public var timeout: Duration?

    public init(sender: String, recipient: String, content: [UInt8], timeout: Duration? = nil) {
        self.sender = sender
        self.recipient = recipient
        self.content = content
        self.timeout = timeout
    }

    /// Whether a text can be an address in an envelope: `local@domain`, printable ASCII, 254 bytes at most (RFC 5321, section 4.5.3.1).
    public static func isAddress(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= 254, let at = bytes.lastIndex(of: UInt8(ascii: "@")), (1...64).contains(at), at < bytes.count - 1 else { return false }
        let isPlain = bytes.allSatisfy { (0x21...0x7e).contains($0) && !forbidden.contains($0) }
        return isPlain && bytes.filter { $0 == UInt8(ascii: "@") }.count == 1
    }

    /// What would end an address, or need quotes.
    private static let forbidden = Set(#"<>"(),:;[]\"#.utf8)

    /// Whether it can be sent as it is.
    var isSendable: Bool { Self.isAddress(sender) && Self.isAddress(recipient) && Self.hasWholeLines(content) }

    private static func hasWholeLines(_ content: [UInt8]) -> Bool {
        guard content.suffix(2).elementsEqual([13, 10]) else { return false }
        var previous: UInt8 = 0
        for byte in content {
            if (byte == 10) != (previous == 13) { return false }
            previous = byte
        }
        return true
    }
}

/// Where mails are handed in.
public struct SMTPServer: Sendable, CustomStringConvertible {
    /// How the connection is encrypted.
    public enum Security: String, Sendable, CaseIterable {
        /// Not at all; for a server on this machine.
        case none
        /// By STARTTLS; a server without it is an error.
        case startTLS = "starttls"
        /// From the first byte on (`smtps`).
        case implicit
    }

    /// Who we are for the server.
    public struct Credentials: Sendable, CustomStringConvertible {
        let user: String
        let password: String

        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        public var description: String { "***" }
    }

    /// `smtp://host[:port]` or `smtps://host[:port]`, followed by the name that we greet with.
    let url: String
    public let security: Security
    let credentials: Credentials?
    /// The server's name or address.
    public let host: String

    /// - Parameters:
    ///   - url: `smtp://host[:port]` (25 where it names none) or `smtps://host[:port]` (465), and nothing after it.
    ///   - security: of an `smtp` URL; `smtps` is always implicit.
    ///   - name: our own name for the greeting.
    /// - Throws: ``CurlError`` with code `invalidRequest`.
    public init(url: String, security: Security = .startTLS, credentials: Credentials? = nil, name: String = "localhost") throws(CurlError) {
        func invalid(_ reason: String) -> CurlError { CurlError(code: .invalidRequest, operation: "MAIL", message: reason) }
        let isImplicit = url.hasPrefix("smtps://")
        guard isImplicit || url.hasPrefix("smtp://") else { throw invalid("the server's URL must begin with smtp:// or smtps://") }
        let place = url.dropFirst(isImplicit ? 8 : 7)
        let end = place.hasSuffix("/") ? place.dropLast() : place
        guard !end.isEmpty, end.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") }) else {
            throw invalid("the server's URL must have a host, and a port if wanted, and nothing else")
        }
        guard name.utf8.allSatisfy({ Self.isOfName($0) }), !name.isEmpty else { throw invalid("our own name is not a host's") }
        self.url = "\(isImplicit ? "smtps" : "smtp")://\(end)/\(name)"
        self.security = isImplicit ? .implicit : security
        self.credentials = credentials
        if end.hasPrefix("["), let close = end.firstIndex(of: "]") {
            host = String(end[end.index(after: end.startIndex)..<close])
        } else {
            host = String(end.prefix { $0 != ":" })
        }
    }

    /// Without credentials.
    public var description: String { "\(url) (\(security.rawValue))" }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: false
        }
    }
}
