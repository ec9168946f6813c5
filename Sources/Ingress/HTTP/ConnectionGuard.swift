import Domain
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import Telemetry

/// Answers what never becomes a request: headers that are too large (431), bytes that are not HTTP (400), a sender that is too slow (408).
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// From the first byte of a request to its last.
    static let requestLimit: TimeAmount = .seconds(15)

    private var readingSince: NIODeadline?
    private var isCheckScheduled = false
    private var isAnswering = false
    private var isClosing = false
    /// Set while the handler is in the pipeline; answers must start here, behind the decoder.
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // The raw bytes are seen only before the decoder, so a second handler goes to the front.
        let handler = FirstByte { [weak self] in self?.bytesArrived() }
        try? context.pipeline.syncOperations.addHandler(handler, position: .first)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        if case .end = unwrapInboundIn(data) { readingSince = nil }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head: isAnswering = true
        case .end: isAnswering = false
        case .body: break
        }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let parserError = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        if parserError == .headerOverflow {
            refuse(
                context, APIError(.headersTooLarge, "The headers are too large.", field: "headers", reason: "must be at most 16 KiB in 100 fields"))
        } else {
            refuse(context, APIError(.validation, "This is not HTTP/1.1.", field: "request", reason: "cannot be parsed"))
        }
    }

    private func bytesArrived() {
        if readingSince == nil { readingSince = .now() }
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
        refuse(context, APIError(.requestTimeout, "The request took too long to arrive.", field: "request", reason: "must arrive within 15 s"))
    }

    private func refuse(_ context: ChannelHandlerContext, _ error: APIError) {
        if isClosing { return }
        isClosing = true
        if isAnswering { return context.close(promise: nil) }
        let requestID = TraceContext(isSampled: false).traceID
        var headers: HTTPFields = [.contentType: "application/json", .connection: "close", .xRequestID: requestID]
        headers.append(contentsOf: securityHeaders)
        let body = ByteBuffer(bytes: error.body(requestID: requestID, asProblem: false))
        headers[.contentLength] = String(body.readableBytes)
        context.write(wrapOutboundOut(.head(HTTPResponse(status: .init(code: error.code.status), headerFields: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
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
