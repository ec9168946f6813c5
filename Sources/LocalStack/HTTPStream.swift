import NIOCore

/// An answer whose body is read while it grows.
public final class HTTPStream: Sendable {
    /// Lines that wait for a slow reader; a stream that gets further ahead is ended with an error.
    public static let maxWaitingLines = 10_000

    /// The status and headers; the body is empty.
    public let head: HTTPAnswer
    /// Lines without their ends; finishes when the server closes. For one reader.
    public let lines: AsyncThrowingStream<String, any Error>
    private let channel: any Channel

    private init(head: HTTPAnswer, lines: AsyncThrowingStream<String, any Error>, channel: any Channel) {
        self.head = head
        self.lines = lines
        self.channel = channel
    }

    deinit { close() }

    /// Ends the connection; the reader sees the end.
    public func close() {
        channel.close(promise: nil)
    }

    /// The lines put together to server-sent events (WHATWG HTML, 9.2); comments are skipped. For one reader, instead of ``lines``.
    public var events: AsyncThrowingStream<ServerSentEvent, any Error> {
        let (events, continuation) = AsyncThrowingStream.makeStream(of: ServerSentEvent.self, bufferingPolicy: .bufferingOldest(Self.maxWaitingLines))
        // Holds the stream, and with it the connection, until the reader goes away.
        let reading = Task {
            var draft = ServerSentEvent()
            do {
                for try await line in self.lines {
                    if line.isEmpty {
                        if !draft.data.isEmpty { continuation.yield(draft) }
                        draft = ServerSentEvent(id: draft.id)
                    } else {
                        draft.add(line)
                    }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in reading.cancel() }
        return events
    }

    static func open(port: Int, request: [UInt8], timeout: Duration, operation: String) async throws -> HTTPStream {
        let (lines, continuation) = AsyncThrowingStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(maxWaitingLines))
        let (channel, output) = try await Exchange.open(
            host: HTTPProbe.host, port: port, receiver: StreamReceiver(continuation: continuation), operation: operation)
        channel.writeAndFlush(ByteBuffer(bytes: request), promise: nil)
        let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            channel.pipeline.fireErrorCaught(LocalStackError(.timeout, operation: operation, message: "no head after \(timeout)"))
        }
        defer { deadline.cancel() }
        return HTTPStream(head: try await output.get(), lines: lines, channel: channel)
    }
}

/// One server-sent event.
public struct ServerSentEvent: Sendable, Hashable {
    /// The `id` field, which stays until another comes.
    public var id: String?
    /// The `event` field; nil is "message".
    public var event: String?
    /// The `data` lines, joined by line ends.
    public var data = ""

    mutating func add(_ line: String) {
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count > 1 ? parts[1] : ""
        if value.first == " " { value.removeFirst() }
        switch parts[0] {
        case "id": id = String(value)
        case "event": event = String(value)
        case "data": data += data.isEmpty ? String(value) : "\n\(value)"
        default: break
        }
    }
}

private struct StreamReceiver: Receiver {
    let continuation: AsyncThrowingStream<String, any Error>.Continuation
    var parser = HTTPAnswerParser()
    var line: [UInt8] = []

    mutating func receive(_ bytes: ByteBufferView) throws -> HTTPAnswer? { take(try parser.consume(bytes)) }

    mutating func end() throws -> HTTPAnswer? {
        let answer = parser.hasStarted ? take(try parser.close()) : nil
        continuation.finish()
        return answer
    }

    mutating func fail(_ error: any Error) { continuation.finish(throwing: error) }

    private mutating func take(_ events: [HTTPAnswerParser.Event]) -> HTTPAnswer? {
        var head: HTTPAnswer?
        for event in events {
            switch event {
            case .head(let status, let headers): head = HTTPAnswer(status: status, headers: headers, body: [])
            case .body(let bytes): feed(bytes)
            case .end: continuation.finish()
            }
        }
        return head
    }

    private mutating func feed(_ bytes: [UInt8]) {
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if case .dropped = continuation.yield(String(decoding: line, as: UTF8.self)) {
                continuation.finish(
                    throwing: LocalStackError(
                        .invalid, operation: "read a stream", message: "the reader is \(HTTPStream.maxWaitingLines) lines behind"))
            }
            line.removeAll(keepingCapacity: true)
        }
    }
}
