import KafkaClient
import Logging
import PostgresClient
import Projections
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct InventorySync {
    static let group = "inventory-sync"

    private let worker: WorkerConfiguration
    private let database: PostgresConfiguration
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: [.bookingEvents],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        worker.window = .milliseconds(try settings.int("PROJECTION_WINDOW_MS", default: 1000, in: 1...5000))
        worker.maxMessages = try settings.int("PROJECTION_BATCH", default: 10_000, in: 1...100_000)
        worker.maxBytes = 64 << 20
        // Batches are collected anyway, so a fetch waits (100 ms at most) until it is worth its while.
        worker.consumerOptions["fetch.min.bytes"] = "1048576"
        self.worker = worker
        var database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = Self.group
        // Batches come one after another, so one connection works; the second answers the readiness check.
        database.poolSize = 2
        self.database = database
        metricsPort = try settings.int("METRICS_PORT", default: 9101, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT, then finishes the batch in hand and commits it.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let database = PostgresClient(configuration: database, logger: logger)
        let deadLetters = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let worker = try Worker(
            configuration: worker,
            handler: ProjectionHandler(
                writer: ProjectionWriter(BookingProjection(), offsets: ProjectionOffsets(group: Self.group), database: database)),
            producer: deadLetters, logger: logger)
        let monitoring = MonitoringServer(service: Self.group, port: metricsPort, readiness: { worker.readiness })
        var group = ServiceGroupConfiguration(
            services: [monitoring, database, deadLetters, worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
    }
}
