import Glibc
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The broker as a service: recovers, listens, serves until it is told to stop, and then leaves everything on disk.
struct BrokerServer: Service {
    let configuration: BrokerConfiguration
    let logger: Logger
    /// Called once requests are taken, with the address clients are told.
    let onReady: @Sendable (HostPort, StartReport) -> Void

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        do {
            try await serve(loop, group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try? await group.shutdownGracefully()
    }

    private func serve(_ loop: any EventLoop, _ group: MultiThreadedEventLoopGroup) async throws {
        raiseFileLimit()
        let (broker, report) = try await loop.submit { [configuration, logger] in
            let (broker, report) = try Broker.open(configuration, loop: loop.assumeIsolated(), logger: logger)
            return (NIOLoopBound(broker, eventLoop: loop), report)
        }.get()
        let listener = try await listen(broker, group)
        let (stop, stopping) = AsyncStream.makeStream(of: BrokerError?.self, bufferingPolicy: .bufferingNewest(1))
        let bound = HostPort(host: configuration.host, port: listener.localAddress?.port ?? configuration.port)
        try await loop.submit { [configuration] in
            broker.value.advertised = configuration.advertised ?? bound
            broker.value.pipeline.onFatal = { stopping.yield($0) }
            broker.value.keepRetention()
            broker.value.verify()
        }.get()
        onReady(configuration.advertised ?? bound, report)
        let failure = await withGracefulShutdownHandler {
            for await failure in stop { return failure }
            return nil
        } onGracefulShutdown: {
            stopping.yield(nil)
        }
        if let failure { throw failure }
        try? await listener.close()
        try await drain(broker, loop)
    }

    private func listen(_ broker: NIOLoopBound<Broker>, _ group: MultiThreadedEventLoopGroup) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1_024, initial: 8_192, maximum: 262_144))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Connection(broker: broker.value))
                }
            }
        do {
            return try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw BrokerError(.listen, operation: "listen on \(configuration.host):\(configuration.port)", message: reason)
        }
    }

    /// Lets what is in hand reach the disk and its clients, then closes.
    private func drain(_ broker: NIOLoopBound<Broker>, _ loop: any EventLoop) async throws {
        let end = Clock.steadyMs() + BrokerLimits.shutdownMs
        while try await loop.submit({ !broker.value.pipeline.isIdle }).get(), Clock.steadyMs() < end {
            try await Task.sleep(for: .milliseconds(2))
        }
        let failure = try await loop.submit {
            broker.value.closeConnections()
            return broker.value.close()
        }.get()
        if let failure { throw failure }
    }

    /// Each segment is an open file and each client a socket: takes as many as the system lets this process have.
    private func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
