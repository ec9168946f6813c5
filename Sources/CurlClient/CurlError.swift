/// Why a request got no usable answer. It holds no URL, header or body.
public struct CurlError: Error {
    /// The kind of failure; bounded, so it can be a metric label.
    public enum Code: String, Sendable, CaseIterable {
        /// The host has no address.
        case notResolved = "not_resolved"
        /// Refused or unreachable.
        case notConnected = "not_connected"
        /// The TLS handshake failed, or the certificate is not trusted.
        case tls
        /// The time is over: of the connect, or of the whole.
        case timeout
        /// The connection ended before the answer was whole.
        case connectionLost = "connection_lost"
        /// What came back is not HTTP.
        case protocolViolation = "protocol_violation"
        /// The answer is longer than `maxResponseBytes`, or its headers than ``CurlLimits/maxHeaderBytes``.
        case tooLarge = "too_large"
        /// The mail server will never take this mail, or not for this recipient.
        case refused
        /// The mail server wants this mail again later.
        case later
        /// The mail server takes no mail at the moment.
        case unavailable
        /// The mail server takes no mail from us: the credentials or the sender are wrong.
        case unauthorized
        /// The address is not of the public internet, and only such are allowed.
        case forbiddenAddress = "forbidden_address"
        /// `maxPending` is reached.
        case overloaded
        /// The task was cancelled.
        case cancelled
        /// The request cannot be sent as it is: a bad URL, or a line break in a header.
        case invalidRequest = "invalid_request"
        /// The client was shut down, or never started.
        case stopped
        /// The system refused a thread or memory.
        case system
    }

    /// The kind of failure.
    public let code: Code
    /// The method, or `MAIL`; never the URL.
    public let operation: String
    /// What happened, for people.
    public let message: String
    /// False when it is certain that not one byte of the request left this process, so that a repeat cannot double its effect.
    public let mayHaveBeenSent: Bool
    /// libcurl's own code (`CURLcode`); 0 where the failure is not libcurl's.
    public let curlCode: Int32
    /// How far a mail came, and what the server said last; nil for HTTP.
    public let reply: SMTPReply?
    /// What caused it, if another error did.
    public let underlying: (any Error)?
    /// `#fileID` of the place that made the error.
    public let file: String
    /// Line of the place that made the error.
    public let line: UInt

    /// Made by the client, and by tests of what is built on it.
    public init(
        code: Code, operation: String, message: String, mayHaveBeenSent: Bool = false, curlCode: Int32 = 0, reply: SMTPReply? = nil,
        underlying: (any Error)? = nil,
        file: String = #fileID, line: UInt = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.mayHaveBeenSent = mayHaveBeenSent
        self.curlCode = curlCode
        self.reply = reply
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// A bounded text for metric labels.
    public var label: String { code.rawValue }
}

extension CurlError: CustomStringConvertible {
    /// One line without personal data.
    public var description: String {
        var text = "\(reply == nil ? "HTTP " : "")\(operation): \(message) [\(label)"
        if let reply { text += " \(reply)" }
        if curlCode != 0 { text += " curl=\(curlCode)" }
        text += mayHaveBeenSent ? ", perhaps sent]" : ", not sent]"
        text += " at \(file):\(line)"
        if let underlying { text += " caused by \(underlying)" }
        return text
    }
}
