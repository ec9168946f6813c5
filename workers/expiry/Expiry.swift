import BookingEngine
import Domain
import KafkaClient
import Logging
import PostgresClient
import Recovery
import RedisClient
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct Expiry {
    static let group = "expiry"

    private let worker: WorkerConfiguration
    private let database: PostgresConfiguration
    private let redis: RedisConfiguration
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: [.bookingCommands],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        // A user waits for a cancel, so a batch is what comes within a moment; Redis is busy with one for some 10 ms.
        worker.window = .milliseconds(10)
        worker.maxMessages = 250
        self.worker = worker
        var database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = Self.group
        database.poolSize = 4
        self.database = database
        var redis = try RedisConfiguration(url: settings.text("REDIS_URL", default: "redis://127.0.0.1:6379"))
        redis.clientName = Self.group
        // Everybody waits for Redis to be recovered, so its return is noticed soon.
        redis.reconnectMaximum = .milliseconds(200)
        self.redis = redis
        metricsPort = try settings.int("METRICS_PORT", default: 9102, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT, then finishes what is in hand.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let owner = "\(Self.group)-\(UUIDBits.version7(nowMs: BookingEngine.wallClockMs(), shard: Shard(truncating: 0)))"
        let database = PostgresClient(configuration: database, logger: logger)
        let trust = Trust(logger: logger)
        let redis = RedisClient(configuration: redis, logger: logger, onConnect: { trust.connected($0) })
        let producer = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: worker.bootstrapServers, clientID: "\(Self.group)-marks"), logger: logger)
        let engine = BookingEngine(redis: redis, trust: trust)
        let publisher = OutboxPublisher(producer: producer, redis: redis, logger: logger)
        let sweeper = OutboxSweeper(
            owner: owner, publisher: publisher, redis: redis,
            endOffsets: { try await admin.offsets(topic: Topic.bookingEvents.name).mapValues(\.high) }, logger: logger)
        let handler = CancelHandler(
            engine: engine, publisher: publisher, producer: producer, operations: OperationStore(database: database, group: Self.group))
        let worker = try Worker(configuration: worker, handler: handler, producer: producer, logger: logger)
        let monitoring = MonitoringServer(
            service: Self.group, port: metricsPort,
            readiness: {
                let readiness = worker.readiness
                return Readiness(
                    isReady: readiness.isReady && redis.isConnected,
                    dependencies: readiness.dependencies + [.init("redis", redis.isConnected ? .up : .down)])
            })
        let recovery = Recovery(
            owner: owner, redis: redis, database: database, admin: admin, bootstrapServers: self.worker.bootstrapServers,
            publish: { publisher.publishWithoutWaiting($0) }, logger: logger)
        let due = DueHolds(owner: owner, engine: engine, publisher: publisher, logger: logger)
        var group = ServiceGroupConfiguration(
            services: [
                monitoring, redis, trust, database, producer, publisher, RecoveryService(recovery: recovery, trust: trust),
                LateEvents(recovery: recovery, trust: trust), sweeper, due, worker,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
        await admin.shutdown()
    }
}
