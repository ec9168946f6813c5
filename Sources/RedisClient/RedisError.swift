/// Why a call to Redis gave no usable reply.
public struct RedisError: Error {
    /// The kind of failure; bounded, so it can be a metric label.
    public enum Code: String, Sendable, CaseIterable {
        /// There is no connection now; the command was not sent.
        case notConnected = "not_connected"
        /// The connection broke while the command was in flight.
        case connectionLost = "connection_lost"
        /// No reply within `commandTimeout`; the connection was given up.
        case timeout
        /// `maxPending` or `maxPendingBytes` is reached; the command was not sent.
        case overloaded
        /// Redis answered with an error; see ``RedisError/serverCode``.
        case server
        /// What came back is not RESP, or came unasked.
        case protocolViolation = "protocol_violation"
        /// The reply is RESP but not of the expected type.
        case unexpectedReply = "unexpected_reply"
        /// The client was shut down.
        case stopped
        /// The configuration is wrong.
        case configuration
        /// The system refused a thread or a descriptor.
        case system
    }

    /// The kind of failure.
    public let code: Code
    /// The command or script name; never an argument.
    public let operation: String
    /// What happened, for people; holds no key, value or argument.
    public let message: String
    /// The first word of Redis' error reply (`NOSCRIPT`, `OOM`, `WRONGTYPE` …); nil unless ``code`` is `server`.
    public let serverCode: String?
    /// False when it is certain that Redis did not run the command, so that a repeat cannot double it.
    public let mayHaveRun: Bool
    /// What caused it, if another error did.
    public let underlying: (any Error)?
    /// `#fileID` of the place that made the error.
    public let file: String
    /// Line of the place that made the error.
    public let line: UInt

    /// Made by the client, and by callers that find a reply of the wrong type.
    public init(
        code: Code, operation: String, message: String, serverCode: String? = nil, mayHaveRun: Bool = false, underlying: (any Error)? = nil,
        file: String = #fileID, line: UInt = #line
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.serverCode = serverCode
        self.mayHaveRun = mayHaveRun
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// A bounded text for metric labels.
    public var label: String {
        guard code == .server, let serverCode, Self.knownServerCodes.contains(serverCode) else { return code.rawValue }
        return "server_" + serverCode.lowercased()
    }

    /// The error for an error reply of Redis.
    static func server(_ reply: String, operation: String, file: String = #fileID, line: UInt = #line) -> RedisError {
        let word = reply.prefix { $0 != " " }
        let isCode = !word.isEmpty && word.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        return RedisError(
            code: .server, operation: operation, message: withoutArguments(reply), serverCode: isCode ? String(word) : "ERR", mayHaveRun: true,
            file: file, line: line)
    }

    /// Redis echoes the arguments of an unknown command; they can be personal data.
    private static func withoutArguments(_ reply: String) -> String {
        let marker = ", with args beginning with"
        var index = reply.startIndex
        while let comma = reply[index...].firstIndex(of: ",") {
            if reply[comma...].hasPrefix(marker) { return String(reply[..<comma]) }
            index = reply.index(after: comma)
        }
        return reply
    }
}

extension RedisError: CustomStringConvertible {
    /// One line without personal data.
    public var description: String {
        var text = "Redis \(operation): \(message) [\(label)] at \(file):\(line)"
        if let underlying { text += " caused by \(underlying)" }
        return text
    }
}

/// A failure as the I/O thread knows it: the caller adds the operation.
struct RedisFailure: Error {
    /// The kind of failure.
    var code: RedisError.Code
    /// For people; no key, value or argument.
    var message: String
    /// See ``RedisError/mayHaveRun``.
    var mayHaveRun = false

    /// The caller's error.
    func error(operation: String, file: String = #fileID, line: UInt = #line) -> RedisError {
        RedisError(code: code, operation: operation, message: message, mayHaveRun: mayHaveRun, file: file, line: line)
    }
}
