import AuditLog
import KafkaClient
import Logging
import PostgresClient
import ServiceLifecycle
import Settings
import Telemetry
import Topics
import WorkerRuntime

/// The wiring of one copy.
struct AuditWorker {
    static let group = "audit"
    /// What it may do in PostgreSQL: add rows to the audit and read them, and nothing else (migration 10).
    static let role = "booking_audit"

    private let worker: WorkerConfiguration
    private let database: PostgresConfiguration
    private let seal: AuditSeal
    private let metricsPort: Int

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        var worker = WorkerConfiguration(
            name: Self.group, group: Self.group, topics: [.auditEvents, .bookingEvents, .paymentEvents],
            bootstrapServers: settings.text("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"))
        worker.instanceID = settings.optional("WORKER_INSTANCE_ID")
        worker.window = .milliseconds(200)
        worker.maxMessages = try settings.int("AUDIT_BATCH", default: 2_000, in: 1...20_000)
        worker.maxBytes = 32 << 20
        // Behind by a little is well; a fetch waits (100 ms at most) until it is worth its while.
        worker.consumerOptions["fetch.min.bytes"] = "262144"
        self.worker = worker
        var database = try PostgresConfiguration(url: settings.required("DATABASE_URL"))
        database.applicationName = Self.group
        database.role = Self.role
        // Batches come one after another, so one connection works; the second makes months and answers the readiness check.
        database.poolSize = 2
        self.database = database
        seal = try AuditSeal(settings)
        metricsPort = try settings.int("METRICS_PORT", default: 9109, in: 0...65_535)
    }

    /// Runs until SIGTERM or SIGINT, then finishes the batch in hand and commits it.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let database = PostgresClient(configuration: database, logger: logger)
        let deadLetters = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: worker.bootstrapServers, clientID: Self.group), logger: logger)
        let worker = try Worker(
            configuration: worker, handler: AuditHandler(writer: AuditWriter(seal: seal), database: database), producer: deadLetters,
            logger: logger)
        let monitoring = MonitoringServer(
            service: Self.group, port: metricsPort,
            readiness: {
                let readiness = worker.readiness
                let isConnected = database.status.connected > 0
                return Readiness(
                    isReady: readiness.isReady && isConnected,
                    dependencies: readiness.dependencies + [.init("postgres", isConnected ? .up : .down)])
            })
        var group = ServiceGroupConfiguration(
            services: [monitoring, database, deadLetters, AuditMonths(database: database, logger: logger), worker],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
    }
}
