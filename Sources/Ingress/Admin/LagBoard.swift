import Lag
import Logging
import ServiceLifecycle

/// The newest lag of every group, for those who ask at about the same time. Nobody asks the brokers before somebody asks this.
actor LagBoard: Service {
    /// How old an answer may be.
    private static let freshness: Duration = .seconds(2)

    private let configuration: LagConfiguration
    private let logger: Logger
    private var sampler: LagSampler?
    private var isStopped = false
    private var running: Task<[GroupLag], Never>?
    private var newest: (lag: [GroupLag], at: ContinuousClock.Instant)?

    init(bootstrapServers: String, logger: Logger) {
        var configuration = LagConfiguration(bootstrapServers: bootstrapServers)
        configuration.clientID = "ingress-lag"
        self.configuration = configuration
        self.logger = logger
    }

    /// What is not known is nil in it.
    /// - Throws: where the clients cannot be made, or the ingress stops.
    func read() async throws -> [GroupLag] {
        if let newest, ContinuousClock.now - newest.at < Self.freshness { return newest.lag }
        if let running { return await running.value }
        guard !isStopped else { throw CancellationError() }
        let sampler = try self.sampler ?? LagSampler(configuration: configuration, logger: logger)
        self.sampler = sampler
        let task = Task { await sampler.sample() }
        running = task
        let lag = await task.value
        newest = (lag, .now)
        running = nil
        return lag
    }

    /// Until the ingress stops; then the clients are closed.
    func run() async throws {
        try? await gracefulShutdown()
        isStopped = true
        _ = await running?.value
        await sampler?.shutdown()
    }
}
