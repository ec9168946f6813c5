import NIOCore
import NIOPosix

/// Takes what a connection brings, until it has what it wants.
protocol Receiver: Sendable {
    associatedtype Output: Sendable
    /// Bytes as they come; called further after it has given its output, as long as the connection is open.
    mutating func receive(_ bytes: ByteBufferView) throws -> Output?
    /// The peer closed its side.
    mutating func end() throws -> Output?
    /// The connection failed after the output was given.
    mutating func fail(_ error: any Error)
}

extension Receiver {
    mutating func end() throws -> Output? { nil }
    mutating func fail(_ error: any Error) {}
}

/// One TCP connection to the loopback: sends bytes, and waits for what a ``Receiver`` makes of the answer.
enum Exchange {
    /// Connecting to a process of this machine that listens takes microseconds; a full accept queue takes retries.
    private static let connectTimeout = TimeAmount.seconds(10)

    /// Opens a connection and gives it with the future output. The caller closes it.
    static func open<R: Receiver>(host: String, port: Int, receiver: R, operation: String) async throws -> (
        channel: any Channel, output: EventLoopFuture<R.Output>
    ) {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: R.Output.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(connectTimeout)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ExchangeHandler(receiver: receiver, promise: promise, operation: operation))
                    }
                }
                .connect(host: host, port: port).get()
            return (channel, promise.futureResult)
        } catch {
            let failure = LocalStackError(.noAnswer, operation: operation, message: "cannot connect to \(host):\(port): \(error)", underlying: error)
            promise.fail(failure)
            throw failure
        }
    }

    /// Sends `pieces`, `pause` apart, and waits for the output; the connection is closed at the end, in time or not.
    static func run<R: Receiver>(
        host: String, port: Int, pieces: [[UInt8]], pause: Duration = .zero, timeout: Duration, receiver: R, operation: String
    ) async throws -> R.Output {
        let (channel, output) = try await open(host: host, port: port, receiver: receiver, operation: operation)
        defer { channel.close(promise: nil) }
        let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            channel.pipeline.fireErrorCaught(LocalStackError(.timeout, operation: operation, message: "no whole answer after \(timeout)"))
        }
        defer { deadline.cancel() }
        return try await withTaskCancellationHandler {
            for (index, piece) in pieces.enumerated() {
                if index > 0, pause > .zero { try await Task.sleep(for: pause) }
                // A peer that has answered and closed before the end of a bad request makes this fail; its answer counts.
                channel.writeAndFlush(ByteBuffer(bytes: piece), promise: nil)
            }
            return try await output.get()
        } onCancel: {
            channel.pipeline.fireErrorCaught(CancellationError())
        }
    }
}

/// Confined to its channel's event loop.
private final class ExchangeHandler<R: Receiver>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var receiver: R
    private let operation: String
    private var promise: EventLoopPromise<R.Output>?

    init(receiver: R, promise: EventLoopPromise<R.Output>, operation: String) {
        self.receiver = receiver
        self.promise = promise
        self.operation = operation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            if let output = try receiver.receive(unwrapInboundIn(data).readableBytesView) { succeed(output) }
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { ended(context) } else { context.fireUserInboundEventTriggered(event) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset after the peer's answer: what came before it still counts.
        if error is IOError { return ended(context) }
        fail(error)
        context.close(promise: nil)
    }

    private func ended(_ context: ChannelHandlerContext) {
        do {
            if let output = try receiver.end() { succeed(output) }
        } catch {
            fail(error)
        }
        fail(LocalStackError(.noAnswer, operation: operation, message: "the connection was closed"))
        context.close(promise: nil)
    }

    private func succeed(_ output: R.Output) {
        promise?.succeed(output)
        promise = nil
    }

    private func fail(_ error: any Error) {
        receiver.fail(error)
        promise?.fail(error)
        promise = nil
    }
}
