import NIOCore
import NIOHTTP1

/// Answers reserves on the connection's event loop and leaves every other request to Hummingbird.
///
/// The hot path so has no task, no router and no hop between threads before its script: half of the ingress' CPU time a request.
/// Requests of one connection are answered in their order: one that comes while another is in hand is held.
final class ReserveLane: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    static let path = "/api/v1/bookings/reserve"
    private static let pathAndQuery = path + "?"

    /// Whose the request in hand is.
    private enum Owner {
        case nobody, lane, hummingbird
    }

    private let route: ReserveRoute
    private let connection: ConnectionGuard
    private let metrics: RequestMetrics
    private let traceSampling: Double
    private var context: ChannelHandlerContext?
    /// What is written from here goes to the socket without being encoded.
    private var encoder: ChannelHandlerContext?

    /// The address at the other end, asked for once a connection.
    private lazy var peer = context?.remoteAddress?.ipAddress
    private var owner = Owner.nobody
    private var isRead = false
    private var isAnswered = false
    private var headers = ReserveHeaders()
    private var keepsAlive = true
    private var body = ByteBuffer()
    private var isStarted = false
    /// Parts and events of what comes after the request in hand; one read of the socket at most, since reading stops meanwhile.
    private var held = CircularBuffer<Held>()
    private var wantsRead = false

    private enum Held {
        case part(HTTPServerRequestPart)
        case event(Any)
    }

    init(route: ReserveRoute, connection: ConnectionGuard, metrics: RequestMetrics, traceSampling: Double) {
        self.route = route
        self.connection = connection
        self.metrics = metrics
        self.traceSampling = traceSampling
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        encoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        (self.context, encoder) = (nil, nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = Held.part(unwrapInboundIn(data))
        if held.isEmpty, !mustWait(part) { deliver(part, context) } else { held.append(part) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        let event = Held.event(event)
        if held.isEmpty, !mustWait(event) { deliver(event, context) } else { held.append(event) }
    }

    func read(context: ChannelHandlerContext) {
        if held.isEmpty { context.read() } else { wantsRead = true }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isEnd = if case .end = unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        if isEnd {
            isAnswered = true
            endIfDone(context)
        }
    }

    private func mustWait(_ next: Held) -> Bool {
        switch next {
        case .part(.head): owner != .nobody
        case .part: false
        // Hummingbird closes the connection when the client stops sending, which may yet want the lane's answer.
        case .event: owner == .lane
        }
    }

    private func deliver(_ next: Held, _ context: ChannelHandlerContext) {
        switch next {
        case .part(let part): receive(part, context)
        case .event(let event): context.fireUserInboundEventTriggered(event)
        }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        if case .head(let head) = part {
            owner = head.method == .POST && Self.isOurs(head.uri) ? .lane : .hummingbird
            if owner == .lane { begin(head, context) }
        }
        if owner != .lane { context.fireChannelRead(wrapInboundOut(part)) }
        switch part {
        case .head: break
        case .body(var bytes): if owner == .lane { append(&bytes, context) }
        case .end:
            isRead = true
            if owner == .lane { start(body, context) }
            endIfDone(context)
        }
    }

    private static func isOurs(_ uri: String) -> Bool {
        uri == path || uri.utf8.starts(with: pathAndQuery.utf8)
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        headers = ReserveHeaders(head.headers)
        keepsAlive = head.isKeepAlive
        body.clear()
        isStarted = false
        // Refused before it is sent; what comes of it is dropped.
        if headers.contentLength > JSONBody.largest { start(nil, context) }
    }

    private func append(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
        if isStarted { return }
        if body.readableBytes + bytes.readableBytes > JSONBody.largest { return start(nil, context) }
        if body.readableBytes == 0 { swap(&body, &bytes) } else { body.writeBuffer(&bytes) }
    }

    private func start(_ body: ByteBuffer?, _ context: ChannelHandlerContext) {
        if isStarted { return }
        isStarted = true
        let exchange = Exchange(requestID: headers.requestID, traceparent: headers.traceparent, traceSampling: traceSampling)
        let lane = NIOLoopBound(self, eventLoop: context.eventLoop)
        route.start(headers, body, from: peer, exchange) { result in
            lane.eventLoop.execute { lane.value.answer(result, exchange) }
        }
    }

    private func answer(_ result: Result<AcceptedReserve, APIError>, _ exchange: Exchange) {
        // The client may have gone away; what was reserved is found by its key, or expires.
        switch result {
        case .success(let accepted):
            record(202, exchange)
            guard let context, let encoder else { return }
            encoder.writeAndFlush(NIOAny(accepted.written(exchange, keepsAlive: keepsAlive, context.channel.allocator)), promise: nil)
            connection.answered()
        case .failure(let error):
            let refusal = exchange.answer(to: error, accept: headers.accept)
            record(refusal.status.code, exchange)
            guard let context else { return }
            refuse(refusal, exchange, context)
        }
        guard let context else { return }
        if !keepsAlive { return context.close(promise: nil) }
        isAnswered = true
        endIfDone(context)
    }

    private func refuse(_ refusal: PlainResponse, _ exchange: Exchange, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: refusal.status.code))
        for field in refusal.headers { head.headers.add(name: field.name.rawName, value: field.value) }
        exchange.complete(&head.headers)
        head.headers.add(name: "Content-Length", value: String(refusal.body.count))
        if !keepsAlive { head.headers.add(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: refusal.body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func record(_ status: Int, _ exchange: Exchange) {
        metrics.record(method: .post, route: Self.path, status: status, duration: ContinuousClock.now - exchange.start, waited: false)
    }

    /// Goes on with what was held once the request in hand is read and answered.
    private func endIfDone(_ context: ChannelHandlerContext) {
        guard isRead, isAnswered else { return }
        (owner, isRead, isAnswered) = (.nobody, false, false)
        var hasDelivered = false
        while let next = held.first, !mustWait(next) {
            held.removeFirst()
            deliver(next, context)
            hasDelivered = true
        }
        // Hummingbird's side takes what it was given only at the end of a read.
        if hasDelivered { context.fireChannelReadComplete() }
        if held.isEmpty, wantsRead {
            wantsRead = false
            context.read()
        }
    }
}
