import NIOCore

/// A plain HTTP/1.1 client for processes of this machine: one connection a call, each call with its limit.
///
/// Hundreds of calls may run at once; they share NIO's threads. For readiness checks, for the journey of `ops/run --once`, and for
/// tests from outside.
public struct HTTPProbe: Sendable {
    /// Always the loopback; this is no client for the world.
    public static let host = "127.0.0.1"

    /// Where the server listens.
    public let port: Int
    /// Sent with each call; a call's own header of the same name comes in addition.
    public var headers: [(String, String)]
    /// The limit of a call that names none. Above the 30 s of a long poll.
    public var timeout: Duration

    /// A client of the server on `port`.
    public init(port: Int, headers: [(String, String)] = [], timeout: Duration = .seconds(40)) {
        self.port = port
        self.headers = headers
        self.timeout = timeout
    }

    /// A copy that sends `Authorization: Bearer …`.
    public func bearer(_ token: String) -> HTTPProbe {
        var copy = self
        copy.headers.append(("Authorization", "Bearer \(token)"))
        return copy
    }

    /// GET; `path` with its query, such as `/api/v1/events?page=2`.
    /// - Throws: ``LocalStackError``: `.timeout`, or `.noAnswer` when the connection failed or closed first.
    public func get(_ path: String, headers: [(String, String)] = [], timeout: Duration? = nil) async throws -> HTTPAnswer {
        try await send("GET", path, headers: headers, timeout: timeout)
    }

    /// POST with a JSON body.
    /// - Throws: as ``get(_:headers:timeout:)``.
    public func post(_ path: String, json: String = "", headers: [(String, String)] = [], timeout: Duration? = nil) async throws -> HTTPAnswer {
        try await send(
            "POST", path, headers: json.isEmpty ? headers : headers + [("Content-Type", "application/json")], body: Array(json.utf8),
            timeout: timeout)
    }

    /// Any method and body; nothing is added but Host, Connection and Content-Length.
    /// - Throws: as ``get(_:headers:timeout:)``.
    public func send(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8] = [], timeout: Duration? = nil
    ) async throws -> HTTPAnswer {
        try await Exchange.run(
            host: Self.host, port: port, pieces: [request(method, path, headers, body)], timeout: timeout ?? self.timeout,
            receiver: AnswerReceiver(parser: HTTPAnswerParser(isHead: method == "HEAD")), operation: "\(method) \(path)")
    }

    /// Sends bytes as they are, `pause` apart: for requests that break the rules, and for slow senders.
    /// - Throws: ``LocalStackError``: `.noAnswer` when the server closed without one, `.timeout` when it kept silent.
    public func raw(_ pieces: [[UInt8]], pause: Duration = .zero, timeout: Duration? = nil) async throws -> HTTPAnswer {
        try await Exchange.run(
            host: Self.host, port: port, pieces: pieces, pause: pause, timeout: timeout ?? self.timeout,
            receiver: AnswerReceiver(parser: HTTPAnswerParser()), operation: "raw request")
    }

    /// Opens a stream, such as server-sent events, and returns with its head; the body is read line by line. Close it when done.
    /// - Parameter timeout: until the head.
    /// - Throws: as ``get(_:headers:timeout:)``.
    public func stream(_ path: String, headers: [(String, String)] = [], timeout: Duration? = nil) async throws -> HTTPStream {
        try await HTTPStream.open(
            port: port, request: request("GET", path, headers, []), timeout: timeout ?? self.timeout, operation: "stream \(path)")
    }

    private func request(_ method: String, _ path: String, _ own: [(String, String)], _ body: [UInt8]) -> [UInt8] {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: \(Self.host):\(port)\r\nConnection: close\r\n"
        for (name, value) in headers + own { text += "\(name): \(value)\r\n" }
        if !body.isEmpty || method == "POST" || method == "PUT" { text += "Content-Length: \(body.count)\r\n" }
        return Array((text + "\r\n").utf8) + body
    }
}

private struct AnswerReceiver: Receiver {
    var parser: HTTPAnswerParser
    var status = 0
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    mutating func receive(_ bytes: ByteBufferView) throws -> HTTPAnswer? { take(try parser.consume(bytes)) }

    mutating func end() throws -> HTTPAnswer? { parser.hasStarted ? take(try parser.close()) : nil }

    private mutating func take(_ events: [HTTPAnswerParser.Event]) -> HTTPAnswer? {
        var answer: HTTPAnswer?
        for event in events {
            switch event {
            case .head(let status, let headers): (self.status, self.headers) = (status, headers)
            case .body(let more): body += more
            case .end: answer = HTTPAnswer(status: status, headers: headers, body: body)
            }
        }
        return answer
    }
}
