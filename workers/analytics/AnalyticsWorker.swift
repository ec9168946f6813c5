import Analytics
import KafkaClient
import Logging
import PostgresClient
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct AnalyticsWorker {
    static let group = "analytics"

    private let worker: WorkerConfiguration
    private let database: PostgresConfiguration
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: AnalyticsTopics.all,
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        worker.window = .milliseconds(try settings.int("ANALYTICS_WINDOW_MS", default: 1000, in: 1...5000))
        worker.maxMessages = try settings.int("ANALYTICS_BATCH", default: 10_000, in: 1...100_000)
        worker.maxBytes = 64 << 20
        // Batches are collected anyway, so a fetch waits (100 ms at most) until it is worth its while.
        worker.consumerOptions["fetch.min.bytes"] = "1048576"
        self.worker = worker
        var database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = Self.group
        // Batches come one after another, so one connection works; the second is the clock's.
        database.poolSize = 2
        self.database = database
        metricsPort = try settings.int("METRICS_PORT", default: 9108, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT, then finishes the batch in hand and commits it.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let database = PostgresClient(configuration: database, logger: logger)
        let deadLetters = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let worker = try Worker(
            configuration: worker, handler: AnalyticsHandler(writer: AnalyticsWriter(database: database)), producer: deadLetters, logger: logger)
        let clock = AnalyticsClock(upkeep: AnalyticsUpkeep(database: database), logger: logger)
        let monitoring = MonitoringServer(service: Self.group, port: metricsPort, readiness: { worker.readiness })
        var group = ServiceGroupConfiguration(
            services: [monitoring, database, deadLetters, clock, worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
    }
}
