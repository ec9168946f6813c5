import Crypto
import CurlClient
import Logging
import NIOCore

/// Posts events until they are taken, or for so long. Confined to the event loop; the posts themselves run in tasks.
final class WebhookSender {
    /// One event on its way.
    private struct Post {
        let event: BookEvent
        let secret: String
        /// Whether it is posted until it is taken; what only confuses is posted once.
        let isKept: Bool
        let sinceMs: Int64
        var attempt = 1
        /// Run after the first post.
        var then: (() -> Void)?
    }

    /// Used by the owner to end it.
    let http: CurlClient
    /// Makes an event's body.
    var render: ((BookEvent) -> [UInt8])?
    /// An event was taken, or given up.
    var onDone: ((_ id: String) -> Void)?

    private let configuration: SimulatorConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private var untold: [BookEvent]
    private var ready: [Post] = []
    private var readyStart = 0
    private var posting = 0
    /// Events that are not taken yet.
    private(set) var waiting = 0

    init(configuration: SimulatorConfiguration, loop: any EventLoop, logger: Logger, untold: [BookEvent]) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.untold = untold
        http = CurlClient(
            configuration: CurlConfiguration(
                timeout: .milliseconds(SimulatorLimits.postMs), maxConnections: SimulatorLimits.maxPosts, maxResponseBytes: 64 * 1024,
                drainTimeout: .milliseconds(500)))
    }

    /// Posts what earlier runs left.
    func start() throws {
        guard configuration.webhookURL != nil else { return }
        try http.start()
        for event in untold { tell(event, as: .normal) }
        untold = []
    }

    /// Posts an event.
    /// - Parameters:
    ///   - manner: instead of the event's own, where that is normal.
    ///   - then: run after its first post, whatever came of it.
    func tell(_ event: BookEvent, as manner: PaymentToken.Events?, then: (() -> Void)? = nil) {
        guard configuration.webhookURL != nil else { return }
        guard waiting < SimulatorLimits.maxEvents else {
            return logger.warning("event dropped: too many are waiting", metadata: ["id": "\(event.id)"])
        }
        var chosen = event.manner
        if case .normal = chosen, let manner { chosen = manner }
        if case .none = chosen {
            onDone?(event.id)
            return
        }
        let late: Int64 = if case .late = chosen { configuration.lateMs } else { 0 }
        waiting += 1
        enqueue(Post(event: event, secret: configuration.webhookSecret, isKept: true, sinceMs: WallClock.ms(), then: then), inMs: late)
        switch chosen {
        case .normal, .none, .late: break
        case .twice: confuse(event, configuration.webhookSecret, inMs: 100)
        case .outOfOrder: if let stale = event.stale { confuse(stale, configuration.webhookSecret, inMs: 300) }
        case .forged: if let contrary = event.contrary { confuse(contrary, "whsec_forged", inMs: 0) }
        case .lying: if let contrary = event.contrary { confuse(contrary, configuration.webhookSecret, inMs: 0) }
        }
    }

    private func confuse(_ event: BookEvent, _ secret: String, inMs: Int64) {
        enqueue(Post(event: event, secret: secret, isKept: false, sinceMs: WallClock.ms()), inMs: inMs)
    }

    private func enqueue(_ post: Post, inMs: Int64) {
        let work = NIOLoopBound(
            { [self] in
                ready.append(post)
                pump()
            }, eventLoop: loop)
        if inMs <= 0 { work.value() } else { loop.scheduleTask(in: .milliseconds(inMs)) { work.value() } }
    }

    private func pump() {
        while posting < SimulatorLimits.maxPosts, readyStart < ready.count {
            let post = ready[readyStart]
            readyStart += 1
            posting += 1
            send(post)
        }
        guard readyStart == ready.count || readyStart > 1_000 else { return }
        ready.removeFirst(readyStart)
        readyStart = 0
    }

    private func send(_ post: Post) {
        let body = render?(post.event) ?? []
        let request = HTTPRequest(
            method: .post, url: configuration.webhookURL ?? "",
            headers: [
                ("Content-Type", "application/json; charset=utf-8"), ("User-Agent", "payment-simulator"),
                ("Stripe-Signature", Self.signature(body, post.secret)),
            ], body: body)
        let finish = NIOLoopBound({ [self] (isTaken: Bool) in ended(post, isTaken: isTaken) }, eventLoop: loop)
        Task { [http, loop] in
            let status = try? await http.send(request).status
            loop.execute { finish.value((200..<300).contains(status ?? 0)) }
        }
    }

    private func ended(_ post: Post, isTaken: Bool) {
        posting -= 1
        var post = post
        post.then.take()?()
        if post.isKept {
            if isTaken || WallClock.ms() - post.sinceMs >= configuration.webhookRetryMs {
                if !isTaken { logger.warning("event given up", metadata: ["id": "\(post.event.id)"]) }
                waiting -= 1
                onDone?(post.event.id)
            } else {
                let limits = SimulatorLimits.postPauseMs
                let pause = min(limits.lowerBound << min(Int64(post.attempt - 1), 16), limits.upperBound)
                post.attempt += 1
                enqueue(post, inMs: Int64.random(in: pause / 2...pause))
            }
        }
        pump()
    }

    /// `t=…,v1=…` over `t.body`, as Stripe signs.
    private static func signature(_ body: [UInt8], _ secret: String) -> String {
        let seconds = WallClock.ms() / 1_000
        let code = HMAC<SHA256>.authenticationCode(for: Array("\(seconds).".utf8) + body, using: SymmetricKey(data: Array(secret.utf8)))
        let hex = code.flatMap { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }
        return "t=\(seconds),v1=" + String(hex)
    }
}

extension BookEvent {
    /// The same payment, said to be still under way.
    var stale: BookEvent? {
        guard type == "payment_intent.succeeded", case .intent(let place, var view) = subject else { return nil }
        view.status = .processing
        view.received = 0
        return BookEvent(
            id: id + "_stale", type: "payment_intent.processing", createdMs: createdMs - 1_000, subject: .intent(place, view), manner: .normal)
    }

    /// The same payment, said to have ended otherwise.
    var contrary: BookEvent? {
        guard case .intent(let place, var view) = subject else { return nil }
        switch type {
        case "payment_intent.succeeded":
            view.status = .requiresPaymentMethod
            view.received = 0
            return BookEvent(
                id: id + "_untrue", type: "payment_intent.payment_failed", createdMs: createdMs, subject: .intent(place, view), manner: .normal)
        case "payment_intent.payment_failed":
            view.status = .succeeded
            view.received = 1
            view.decline = nil
            return BookEvent(
                id: id + "_untrue", type: "payment_intent.succeeded", createdMs: createdMs, subject: .intent(place, view), manner: .normal)
        default: return nil
        }
    }
}
