import NIOCore
import NIOPosix

/// A TCP server of the tests: for each connection it reads up to the end of a request's head, and answers as the test says.
final class ScriptedServer: Sendable {
    /// What to send for a request, in pieces; then whether to close.
    struct Answer: Sendable {
        var pieces: [String]
        var closes = false

        static func json(_ status: Int, _ body: String) -> Answer {
            Answer(pieces: ["HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"])
        }
    }

    let port: Int
    private let channel: any Channel

    /// - Parameter answer: nil never answers.
    init(_ answer: @escaping @Sendable (_ request: String) -> Answer?) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(answer)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func close() async { try? await channel.close().get() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let answer: @Sendable (String) -> Answer?
        private var request = ""

        init(_ answer: @escaping @Sendable (String) -> Answer?) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            request += String(buffer: unwrapInboundIn(data))
            guard request.contains("\r\n\r\n") else { return }
            let whole = request
            request = ""
            guard let answer = answer(whole) else { return }
            for piece in answer.pieces { context.writeAndFlush(NIOAny(ByteBuffer(string: piece)), promise: nil) }
            if answer.closes { context.close(promise: nil) }
        }
    }
}
