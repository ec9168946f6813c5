import NIOCore
import NIOHTTP1

/// One request with its whole body.
struct Request {
    let method: HTTPMethod
    /// Without the query.
    let path: String
    let query: String
    let headers: HTTPHeaders
    let body: ByteBuffer
}

/// One client's connection: gathers requests, writes answers. Confined to its event loop.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let simulator: Simulator
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isTooLong = false

    init(simulator: Simulator) {
        self.simulator = simulator
    }

    func channelActive(context: ChannelHandlerContext) {
        simulator.connections[ObjectIdentifier(context.channel)] = context.channel
        if simulator.connections.count > SimulatorLimits.maxConnections { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        simulator.connections[ObjectIdentifier(context.channel)] = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
            isTooLong = false
        case .body(var piece):
            if body.readableBytes + piece.readableBytes > SimulatorLimits.maxBodyBytes { isTooLong = true } else { body.writeBuffer(&piece) }
        case .end:
            guard let head else { return }
            self.head = nil
            let reply = Reply(context, keepsAlive: head.isKeepAlive)
            guard !isTooLong else {
                reply.send(status: 413, StripeJSON.error(type: "invalid_request_error", code: nil, nil, "The request is too long."))
                return
            }
            let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            simulator.handle(
                Request(
                    method: head.method, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "", headers: head.headers, body: body),
                reply)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Where one request's answer goes. Confined to the connection's event loop; a connection that is gone takes answers in silence.
final class Reply {
    private let context: ChannelHandlerContext
    private let keepsAlive: Bool

    init(_ context: ChannelHandlerContext, keepsAlive: Bool) {
        self.context = context
        self.keepsAlive = keepsAlive
    }

    /// Writes an answer; `times` above 1 sends whole copies of it after it, which no request asked for.
    func send(status: Int, _ body: [UInt8], headers extra: [(String, String)] = [], times: Int = 1) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders(extra)
        headers.add(name: "content-type", value: "application/json")
        headers.add(name: "content-length", value: String(body.count))
        if !keepsAlive { headers.add(name: "connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: status)
        var buffer = context.channel.allocator.buffer(bytes: body)
        for _ in 1..<times {
            buffer.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\ncontent-length: \(body.count)\r\n\r\n")
            buffer.writeBytes(body)
        }
        context.write(part(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(part(.body(.byteBuffer(buffer))), promise: nil)
        finish()
    }

    /// Writes an answer of unknown length, a piece at a time as fast as the client takes them; `next` gives nil at the end.
    func stream(contentType: String, next: @escaping () -> [UInt8]?) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders([("content-type", contentType)])
        if !keepsAlive { headers.add(name: "connection", value: "close") }
        context.write(part(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))), promise: nil)
        piece(next)
    }

    /// Ends the connection without an answer.
    func close() {
        context.close(promise: nil)
    }

    /// Answers never; the connection is closed after a long while.
    func hang() {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.value.eventLoop.scheduleTask(in: .milliseconds(SimulatorLimits.hangMs)) { context.value.close(promise: nil) }
    }

    private func piece(_ next: @escaping () -> [UInt8]?) {
        guard let bytes = next() else { return finish() }
        context.writeAndFlush(part(.body(.byteBuffer(context.channel.allocator.buffer(bytes: bytes))))).assumeIsolated().whenSuccess {
            self.piece(next)
        }
    }

    private func finish() {
        context.write(part(.end(nil))).assumeIsolated().whenSuccess { [context, keepsAlive] in
            if !keepsAlive { context.close(promise: nil) }
        }
        context.flush()
    }

    private func part(_ part: HTTPServerResponsePart) -> NIOAny { NIOAny(part) }
}
