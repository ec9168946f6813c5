import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// The simulator as a service: reads its books, listens, serves until it is told to stop, and then leaves everything on disk.
struct SimulatorServer: Service {
    let configuration: SimulatorConfiguration
    let logger: Logger
    /// Called once requests are taken, with a line for people.
    let onReady: @Sendable (String) -> Void

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await serve(group.next(), group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try? await group.shutdownGracefully()
    }

    private func serve(_ loop: any EventLoop, _ group: MultiThreadedEventLoopGroup) async throws {
        let (stop, stopping) = AsyncStream.makeStream(of: SimulatorError?.self, bufferingPolicy: .bufferingOldest(1))
        let simulator = try await loop.submit { [configuration, logger] in
            NIOLoopBound(try Simulator(configuration: configuration, loop: loop, logger: logger) { stopping.yield($0) }, eventLoop: loop)
        }.get()
        let listener: any Channel
        do {
            listener = try await listen(simulator, group)
        } catch {
            try await loop.submit { simulator.value.journal.stop() }.get()
            throw error
        }
        let port = listener.localAddress?.port ?? configuration.port
        let line = try await loop.submit { [configuration] in
            try simulator.value.start()
            return "ready on \(configuration.host):\(port), \(simulator.value.books.intents.count) payment intents in the books"
        }.get()
        onReady(line)
        let failure = await withGracefulShutdownHandler {
            for await failure in stop { return failure }
            return nil
        } onGracefulShutdown: {
            stopping.yield(nil)
        }
        if let failure { throw failure }
        try? await listener.close()
        try await drain(simulator, loop)
    }

    private func listen(_ simulator: NIOLoopBound<Simulator>, _ group: MultiThreadedEventLoopGroup) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Connection(simulator: simulator.value))
                }
            }
        do {
            return try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw SimulatorError(operation: "listen on \(configuration.host):\(configuration.port)", message: reason)
        }
    }

    /// Lets what is in hand reach the disk and its clients, then closes.
    private func drain(_ simulator: NIOLoopBound<Simulator>, _ loop: any EventLoop) async throws {
        let end = ContinuousClock.now + .milliseconds(SimulatorLimits.shutdownMs)
        while try await loop.submit({ simulator.value.isAtWork }).get(), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(2))
        }
        let http = try await loop.submit {
            simulator.value.stop()
            return simulator.value.webhooks.http
        }.get()
        await http.shutdown()
    }
}
