import BookingEngine
import Domain
import KafkaClient
import Logging
import PaymentGateway
import PostgresClient
import RedisClient
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct PaymentWorker {
    static let group = "payment"

    private let worker: WorkerConfiguration
    private let database: PostgresConfiguration
    private let redis: RedisConfiguration
    private let gateway: GatewayConfiguration
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: [.paymentCommands],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        worker.concurrency = try settings.int("PAYMENT_CONCURRENCY", default: 64, in: 1...4_096)
        self.worker = worker
        var database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = Self.group
        database.poolSize = 6
        self.database = database
        var redis = try RedisConfiguration(url: settings.text("REDIS_URL", default: "redis://127.0.0.1:6379"))
        redis.clientName = Self.group
        self.redis = redis
        var gateway = GatewayConfiguration(
            baseURL: try settings.required("PAYMENT_GATEWAY_URL"), secretKey: try settings.required("PAYMENT_GATEWAY_KEY"))
        gateway.maxConnections = worker.concurrency
        self.gateway = gateway
        metricsPort = try settings.int("METRICS_PORT", default: 9104, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT, then finishes what is in hand.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let database = PostgresClient(configuration: database, logger: logger)
        let trust = Trust(logger: logger)
        let redis = RedisClient(configuration: redis, logger: logger, onConnect: { trust.connected($0) })
        let gateway = PaymentGateway(configuration: gateway, logger: logger)
        let producer = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let publisher = OutboxPublisher(producer: producer, redis: redis, logger: logger)
        let parts = PaymentParts(
            database: database, engine: BookingEngine(redis: redis, trust: trust), gateway: TimedGateway(gateway), group: Self.group,
            publish: { publisher.publishWithoutWaiting($0) },
            send: { records in for result in await producer.send(records) { _ = try result.get() } }, now: { .now }, logger: logger)
        let worker = try Worker(configuration: worker, handler: parts.handler, producer: producer, logger: logger)
        let monitoring = MonitoringServer(
            service: Self.group, port: metricsPort,
            readiness: {
                let readiness = worker.readiness
                return Readiness(
                    isReady: readiness.isReady && redis.isConnected && database.status.connected > 0,
                    dependencies: readiness.dependencies + [
                        .init("redis", redis.isConnected ? .up : .down), .init("postgres", database.status.connected > 0 ? .up : .down),
                        .init("gateway", gateway.isAvailable ? .up : .down),
                    ])
            })
        var group = ServiceGroupConfiguration(
            services: [monitoring, redis, trust, database, gateway, producer, publisher, parts.clock, worker],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
    }
}
