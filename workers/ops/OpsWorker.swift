import BookingEngine
import DeadLetters
import Domain
import KafkaClient
import Lag
import Logging
import PostgresClient
import RedisClient
import Replays
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct OpsWorker {
    static let group = "ops"
    /// How long a job waits for its holder when that dies.
    private static let lease: Duration = .seconds(10)

    private let worker: WorkerConfiguration
    private let database: PostgresConfiguration
    private let redis: RedisConfiguration
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: [.opsCommands],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        self.worker = worker
        var database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = Self.group
        database.poolSize = 6
        self.database = database
        var redis = try RedisConfiguration(url: settings.text("REDIS_URL", default: "redis://127.0.0.1:6379"))
        redis.clientName = Self.group
        self.redis = redis
        metricsPort = try settings.int("METRICS_PORT", default: 9105, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT; what is in hand is given back to be gone on with.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let owner = "\(Self.group)-\(UUIDBits.version7(nowMs: BookingEngine.wallClockMs(), shard: Shard(truncating: 0)))"
        let database = PostgresClient(configuration: database, logger: logger)
        let redis = RedisClient(configuration: redis, logger: logger)
        let producer = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let store = JobStore(database: database, owner: owner, lease: Self.lease)
        let engine = BookingEngine(redis: redis)
        let teller = JobTeller(
            finish: { try await engine.finish($0) }, send: { records in for result in await producer.send(records) { _ = try result.get() } })
        let worker = try Worker(configuration: worker, handler: OpsHandler(store: store, teller: teller), producer: producer, logger: logger)
        // Each job is audited once, here; the tools need not say it again.
        let deadLetters = DeadLetterDesk(
            database: database, bootstrapServers: self.worker.bootstrapServers, audit: { _ in }, logger: logger)
        let work = JobWork(
            deadLetters: deadLetters,
            replays: ReplayDesk(database: database, bootstrapServers: self.worker.bootstrapServers, audit: { _ in }, logger: logger))
        let runner = JobRunner(store: store, work: { try await work($0, $1) }, teller: teller, logger: logger)
        let watch = DeadLetterWatch(desk: deadLetters, logger: logger)
        let lag = try LagExporter(configuration: LagConfiguration(bootstrapServers: self.worker.bootstrapServers), logger: logger)
        let monitoring = MonitoringServer(
            service: Self.group, port: metricsPort,
            readiness: {
                let readiness = worker.readiness
                return Readiness(
                    isReady: readiness.isReady && redis.isConnected && database.status.connected > 0,
                    dependencies: readiness.dependencies + [
                        .init("redis", redis.isConnected ? .up : .down), .init("postgres", database.status.connected > 0 ? .up : .down),
                    ])
            })
        var group = ServiceGroupConfiguration(
            services: [monitoring, redis, database, producer, lag, watch, runner, worker], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
    }
}
