import Domain
import HTTPTypes
import Hummingbird
import NIOCore

/// A resource whose state a client follows: a booking, a payment, an operation.
protocol Followed: Sendable {
    var version: Int64 { get }
    var isFinal: Bool { get }
    /// Whether it is to be told to one who has that version.
    func isNews(after version: Int64) -> Bool
    /// The JSON of the answer's `data`.
    func write(_ writer: inout JSONWriter)
}

extension Followed {
    func isNews(after version: Int64) -> Bool { self.version != version }
}

extension Booking: Followed {
    var isFinal: Bool { status.isFinal }
    func write(_ writer: inout JSONWriter) { BookingBody.write(&writer, self) }
}

extension Operation: Followed {
    var isFinal: Bool { status != .pending }
    func write(_ writer: inout JSONWriter) { OperationBody.write(&writer, self) }
}

/// Answers reads of followed resources: at once, when they change (long-poll), or as a stream of server-sent events.
struct StatusReader: Sendable {
    /// Silence after which a stream sends a comment, so that a dead connection is noticed.
    static let heartbeat: Duration = .seconds(15)

    let waiters: Waiters
    /// How often a waiter looks for itself, for resources of which not every change is told under the topic; nil for all others.
    var recheck: Duration?

    /// A poll or long-poll.
    /// - Parameters:
    ///   - topic: the id under which events tell of a change; asked for only where there is a wait.
    ///   - read: gives the state now, or throws the answer when there is none for this reader.
    func answer(
        _ request: Request, _ topic: @Sendable () async throws -> UUIDBits, headers: HTTPFields, read: @Sendable () async throws -> any Followed
    ) async throws -> Response {
        let wait = try WaitRequest(request)
        guard wait.isConditional, let seconds = wait.seconds, seconds > 0, let subscription = waiters.subscribe(try await topic()) else {
            return respond(try await read(), wait, headers)
        }
        defer { waiters.end(subscription) }
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            subscription.reset()
            let state = try await read()
            if wait.known(state) == nil || state.isFinal { return respond(state, wait, headers) }
            let isWoken = await waiters.wait(subscription, until: recheck.map { min(deadline, .now + $0) } ?? deadline)
            if isWoken || (ContinuousClock.now < deadline && !waiters.isStopping) { continue }
            // At the deadline, once more: a wake-up may have been lost with the connection to Kafka.
            return respond(try await read(), wait, headers)
        }
    }

    /// A stream of server-sent events; the version is the event's id, so a client that comes back says what it has.
    func stream(
        _ request: Request, _ topic: @Sendable () async throws -> UUIDBits, name: String, headers: HTTPFields,
        read: @escaping @Sendable () async throws -> any Followed
    ) async throws -> Response {
        let first = try await read()
        let last = request.headers[.lastEventID].flatMap { Int64($0) }
        // 204 tells an EventSource to stop coming back (HTML standard, 9.2.1).
        if first.isFinal, last == first.version { return Response(status: .noContent, headers: headers) }
        guard let subscription = waiters.subscribe(try await topic()) else { throw APIError.unavailable("Too many are waiting.") }
        var headers = headers
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "private, no-store"
        let (waiters, recheck) = (waiters, recheck)
        return Response(
            status: .ok, headers: headers,
            body: .init { writer in
                defer { waiters.end(subscription) }
                var sent = last
                try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
                var nextSign = ContinuousClock.now + Self.heartbeat
                while true {
                    subscription.reset()
                    let state = try await read()
                    if sent.map({ state.isNews(after: $0) }) ?? true {
                        sent = state.version
                        try await writer.write(Self.event(state, name: name))
                    }
                    if state.isFinal || waiters.isStopping { break }
                    if await waiters.wait(subscription, until: recheck.map { min(nextSign, .now + $0) } ?? nextSign) { continue }
                    if ContinuousClock.now >= nextSign {
                        try await writer.write(ByteBuffer(string: ": still here\n\n"))
                        nextSign = .now + Self.heartbeat
                    }
                }
                try await writer.finish(nil)
            })
    }

    private static func event(_ state: any Followed, name: String) -> ByteBuffer {
        var json = JSONWriter()
        state.write(&json)
        var buffer = ByteBuffer(string: "id: \(state.version)\nevent: \(name)\ndata: ")
        buffer.writeBytes(json.bytes)
        buffer.writeString("\n\n")
        return buffer
    }

    private func respond(_ state: any Followed, _ wait: WaitRequest, _ headers: HTTPFields) -> Response {
        let known = wait.known(state)
        // A 304 confirms the version that the reader has, which need not be the newest for which there is no news.
        var all = wait.headers(version: known ?? state.version)
        for field in headers { all[field.name] = field.value }
        if known != nil { return Response(status: .notModified, headers: all) }
        return Answer.success(headers: all) { state.write(&$0) }
    }
}
