import Domain
import NIOCore
import NIOHTTP1
import Telemetry

/// Answers what never becomes a request: headers that are too large (431), bytes that are not HTTP (400), a sender that is too slow (408);
/// and closes a connection that is idle.
///
/// A request that asks for another protocol (`Upgrade: h2c`, CONNECT) is answered in this one and is its connection's last: the decoder reads nothing
/// behind it.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// From the first byte of a request to its last.
    static let requestLimit: TimeAmount = .seconds(15)
    /// Without a request in hand.
    static let idleLimit: TimeAmount = .seconds(75)

    private var readingSince: NIODeadline?
    private var isCheckScheduled = false
    private var isAnswering = false
    /// Requests whose answers are not written yet.
    private var unanswered = 0
    private var isMidRequest = false
    /// The decoder stopped behind the request that came last.
    private var isLast = false
    /// What is to be said once the answers before it are written.
    private var refusal: APIError?
    private var lastActive = NIODeadline.now()
    private var isClosing = false
    /// Set while the handler is in the pipeline; answers must start here, behind the decoder.
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // The raw bytes are seen only before the decoder, so a second handler goes to the front.
        let handler = FirstByte { [weak self] in self?.bytesArrived() }
        try? context.pipeline.syncOperations.addHandler(handler, position: .first)
        scheduleIdleCheck(in: Self.idleLimit)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            unanswered += 1
            isMidRequest = true
            isLast = head.method == .CONNECT || head.headers.contains(name: "Upgrade")
            if isLast {
                // Whoever answers it closes then.
                head.headers.replaceOrAdd(name: "Connection", value: "close")
                return context.fireChannelRead(wrapInboundOut(.head(head)))
            }
        case .body: break
        case .end:
            readingSince = nil
            isMidRequest = false
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            isAnswering = true
            if isLast, unanswered == 1 {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
                return context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
        case .body: break
        case .end:
            isAnswering = false
            context.write(data, promise: promise)
            return answered()
        }
        context.write(data, promise: promise)
    }

    /// An answer was written, here or past the guard.
    func answered() {
        unanswered -= 1
        lastActive = .now()
        if let context, let error = refusal, owed == 0 { refuse(context, error) }
    }

    /// Answers that come before a refusal: those of whole requests.
    private var owed: Int { unanswered - (isMidRequest ? 1 : 0) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let parserError = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        // Bytes behind a request that was to be the last are nobody's; the connection closes with its answer.
        if parserError == .closedConnection, owed > 0 { return }
        let error =
            parserError == .headerOverflow
            ? APIError(.headersTooLarge, "The headers are too large.", field: "headers", reason: "must be at most 16 KiB in 100 fields")
            : APIError(.validation, "This is not HTTP/1.1.", field: "request", reason: "cannot be parsed")
        if owed > 0 { refusal = error } else { refuse(context, error) }
    }

    private func bytesArrived() {
        lastActive = .now()
        if readingSince == nil { readingSince = lastActive }
        if !isCheckScheduled { scheduleCheck(in: Self.requestLimit) }
    }

    private func scheduleCheck(in delay: TimeAmount) {
        guard let context else { return }
        isCheckScheduled = true
        // The handler lives on this event loop, where the closure runs too.
        context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: delay) { [weak self] in self?.check() }
    }

    private func check() {
        isCheckScheduled = false
        guard let readingSince, let context, context.channel.isActive else { return }
        let left = readingSince + Self.requestLimit - .now()
        if left > .zero { return scheduleCheck(in: left) }
        let error = APIError(.requestTimeout, "The request took too long to arrive.", field: "request", reason: "must arrive within 15 s")
        if owed > 0 { refusal = error } else { refuse(context, error) }
    }

    private func scheduleIdleCheck(in delay: TimeAmount) {
        guard let context else { return }
        context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: delay) { [weak self] in self?.checkIdle() }
    }

    private func checkIdle() {
        guard let context, context.channel.isActive else { return }
        let isBusy = readingSince != nil || unanswered > 0
        let left = isBusy ? Self.idleLimit : lastActive + Self.idleLimit - .now()
        if left > .zero { scheduleIdleCheck(in: left) } else { context.close(promise: nil) }
    }

    private func refuse(_ context: ChannelHandlerContext, _ error: APIError) {
        if isClosing { return }
        isClosing = true
        // The request that cannot go on has its answer, or a part of it.
        if isAnswering || isMidRequest && unanswered == 0 { return context.close(promise: nil) }
        let requestID = TraceContext(isSampled: false).traceID
        let body = error.body(requestID: requestID, asProblem: false)
        var headers: HTTPHeaders = [
            "Content-Type": "application/json", "Connection": "close", "X-Request-ID": requestID, "Content-Length": String(body.count),
        ]
        for field in Exchange.securityHeaders { headers.add(name: field.name.rawName, value: field.value) }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: error.code.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    /// Tells when bytes come in that may be the first of a request.
    private final class FirstByte: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private let notify: () -> Void

        init(_ notify: @escaping () -> Void) {
            self.notify = notify
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            notify()
            context.fireChannelRead(data)
        }
    }
}
