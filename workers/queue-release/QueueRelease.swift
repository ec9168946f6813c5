import BookingEngine
import Domain
import KafkaClient
import Logging
import RedisClient
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct QueueRelease {
    static let group = "queue-release"

    private let worker: WorkerConfiguration
    private let redis: RedisConfiguration
    private let limits: QueueLimits
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: [.queueCommands],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        self.worker = worker
        var redis = try RedisConfiguration(url: settings.text("REDIS_URL", default: "redis://127.0.0.1:6379"))
        redis.clientName = Self.group
        self.redis = redis
        var limits = QueueLimits()
        limits.pass = .seconds(try settings.int("QUEUE_PASS_SECONDS", default: 300, in: 1...86_400))
        limits.batch = Int64(try settings.int("QUEUE_BATCH", default: 100, in: 1...100))
        limits.automaticRate = Int64(try settings.int("QUEUE_AUTOMATIC_RATE", default: 1000, in: 0...1_000_000))
        limits.automaticOffAfter = .seconds(try settings.int("QUEUE_AUTOMATIC_OFF_SECONDS", default: 60, in: 1...86_400))
        self.limits = limits
        metricsPort = try settings.int("METRICS_PORT", default: 9103, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT, then finishes what is in hand.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let owner = "\(Self.group)-\(UUIDBits.version7(nowMs: BookingEngine.wallClockMs(), shard: Shard(truncating: 0)))"
        let trust = Trust(logger: logger)
        let redis = RedisClient(configuration: redis, logger: logger, onConnect: { trust.connected($0) })
        let producer = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: worker.bootstrapServers, clientID: "\(Self.group)-marks"), logger: logger)
        let engine = BookingEngine(redis: redis, queueLimits: limits, trust: trust)
        let publisher = OutboxPublisher(producer: producer, redis: redis, logger: logger)
        let worker = try Worker(
            configuration: worker, handler: ModeHandler(engine: engine, publisher: publisher), producer: producer, logger: logger)
        let rounds = QueueRounds(owner: owner, engine: engine, publisher: publisher, logger: logger)
        let marks = QueueMarks(
            engine: engine, endOffsets: { try await admin.offsets(topic: Topic.queueEvents.name).mapValues(\.high) }, logger: logger)
        let monitoring = MonitoringServer(
            service: Self.group, port: metricsPort,
            readiness: {
                let readiness = worker.readiness
                return Readiness(
                    isReady: readiness.isReady && redis.isConnected,
                    dependencies: readiness.dependencies + [.init("redis", redis.isConnected ? .up : .down)])
            })
        var group = ServiceGroupConfiguration(
            services: [monitoring, redis, trust, producer, publisher, rounds, marks, worker], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
        await admin.shutdown()
    }
}
