import Logging
import NIOCore
import NIOHTTP1

/// The gateway: routes requests, applies the rules, and answers once the books are on disk. Confined to its event loop.
final class Simulator {
    let configuration: SimulatorConfiguration
    let loop: any EventLoop
    let logger: Logger
    var books: Books
    let journal: Journal
    let webhooks: WebhookSender
    var chaos: Chaos
    /// Idempotency keys of requests that are not answered yet.
    var busyKeys: Set<String> = []
    /// Open connections.
    var connections: [ObjectIdentifier: any Channel] = [:]
    /// Requests whose effect is on its way to the disk.
    private var writing = 0

    /// Reads the books. Call it on the event loop.
    /// - Parameter onFailure: the disk failed: the process must end, since its memory may know more than its books.
    init(
        configuration: SimulatorConfiguration, loop: any EventLoop, logger: Logger, onFailure: @escaping @Sendable (SimulatorError) -> Void
    ) throws(SimulatorError) {
        var books = Books()
        var untold: [String: BookEvent] = [:]
        var order: [String] = []
        journal = try Journal(
            directory: configuration.dataDirectory, loop: loop,
            replay: { entry in
                if entry.kind == .delivered { untold[entry.id] = nil }
                for event in books.apply(entry).events where configuration.webhookURL != nil {
                    untold[event.id] = event
                    order.append(event.id)
                }
            }, onFailure: onFailure)
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.books = books
        chaos = Chaos(fraction: configuration.chaos, seed: configuration.seed)
        webhooks = WebhookSender(configuration: configuration, loop: loop, logger: logger, untold: order.compactMap { untold[$0] })
    }

    /// Begins what earlier runs left to do.
    func start() throws {
        let this = bound
        webhooks.render = { StripeJSON.event($0, this.value.books) }
        webhooks.onDone = { this.value.journal.append(JournalEntry(.delivered, id: $0, atMs: WallClock.ms())) }
        try webhooks.start()
        for intent in books.intents where intent.settlesAtMs > 0 { settleLater(.settle, intent.id, atMs: intent.settlesAtMs) }
        for refund in books.refunds where refund.settlesAtMs > 0 { settleLater(.settleRefund, refund.id, atMs: refund.settlesAtMs) }
    }

    /// Whether an effect is on its way to the disk.
    var isAtWork: Bool { writing > 0 }

    /// Closes everything; what was applied is on disk.
    func stop() {
        for channel in connections.values { channel.close(promise: nil) }
        journal.stop()
    }

    /// For closures that come back to the event loop.
    var bound: NIOLoopBound<Simulator> { NIOLoopBound(self, eventLoop: loop) }

    /// Takes one request; the reply is used at most once, perhaps later, perhaps never.
    func handle(_ request: Request, _ reply: Reply) {
        let parts = request.path.split(separator: "/").map(String.init)
        switch (request.method, parts.first) {
        case (.GET, "health") where parts.count == 1: health(reply)
        case (.GET, "simulator") where parts == ["simulator", "books"]: report(reply)
        case (_, "v1"):
            guard isAuthentic(request) else {
                return reply.send(
                    status: 401, StripeJSON.error(type: "invalid_request_error", code: nil, nil, "Invalid API Key provided."),
                    headers: [("www-authenticate", "Bearer realm=\"Stripe\"")])
            }
            route(request, Array(parts.dropFirst()), reply)
        default: reply.send(status: 404, Self.unknown(request))
        }
    }

    private func route(_ request: Request, _ path: [String], _ reply: Reply) {
        switch (request.method, path.count, path.first) {
        case (.POST, 1, "payment_intents"): createIntent(request, reply)
        case (.GET, 1, "payment_intents"): listIntents(request, reply)
        case (.GET, 2, "payment_intents"): readIntent(path[1], reply)
        case (.POST, 3, "payment_intents") where path[2] == "confirm": confirmIntent(path[1], request, reply)
        case (.POST, 3, "payment_intents") where path[2] == "cancel": cancelIntent(path[1], request, reply)
        case (.POST, 1, "refunds"): createRefund(request, reply)
        case (.GET, 1, "refunds"): listRefunds(request, reply)
        case (.GET, 2, "refunds"): readRefund(path[1], reply)
        default: reply.send(status: 404, Self.unknown(request))
        }
    }

    /// Makes an entry durable, and tells what it brought about; `then` runs before the events are posted, with what their first post waits for.
    func commit(_ entry: JournalEntry, then: @escaping (Answer?, [BookEvent]) -> Void) {
        let (answer, events) = books.apply(entry)
        writing += 1
        let this = bound
        let continuation = NIOLoopBound(then, eventLoop: loop)
        journal.append(entry) {
            this.value.writing -= 1
            continuation.value(answer, events)
        }
    }

    /// Applies a settlement when its time comes.
    func settleLater(_ kind: JournalEntry.Kind, _ id: String, atMs: Int64) {
        let this = bound
        loop.scheduleTask(in: .milliseconds(max(0, atMs - WallClock.ms()))) { this.value.settle(kind, id) }
    }

    private func settle(_ kind: JournalEntry.Kind, _ id: String) {
        var entry = JournalEntry(kind, id: id, atMs: WallClock.ms())
        if kind == .settleRefund, let place = books.refund(id) {
            guard books.refunds[place].settlesAtMs > 0 else { return }
            let token = books.intents[books.refunds[place].intent].view.token.flatMap(PaymentToken.named)
            if case .failLater = token?.refunds { entry.isSuccess = false } else { entry.isSuccess = true }
        } else if let place = books.intent(id) {
            // Called off meanwhile.
            guard books.intents[place].settlesAtMs > 0 else { return }
        }
        commit(entry) { [self] _, events in tell(events) }
    }

    /// Posts events.
    func tell(_ events: [BookEvent]) {
        for event in events { webhooks.tell(event, as: chaos.events()) }
    }

    private func isAuthentic(_ request: Request) -> Bool {
        let text = request.headers.first(name: "authorization") ?? ""
        if text.hasPrefix("Bearer ") { return text.dropFirst(7) == configuration.secretKey }
        return text.hasPrefix("Basic ") && text.dropFirst(6) == Base64.encoded(Array((configuration.secretKey + ":").utf8))
    }

    private func health(_ reply: Reply) {
        let body = "{\"status\":\"ok\",\"payment_intents\":\(books.intents.count),\"refunds\":\(books.refunds.count),\"events\":\(webhooks.waiting)}"
        reply.send(status: 200, Array(body.utf8))
    }

    private static func unknown(_ request: Request) -> [UInt8] {
        StripeJSON.error(
            type: "invalid_request_error", code: nil, nil, "Unrecognized request URL (\(request.method.rawValue): \(request.path)).")
    }
}
