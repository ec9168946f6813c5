import CurlClient
import Domain
import KafkaClient
import Logging
import PostgresClient
import ServiceLifecycle
import Settings
import Telemetry
import WorkerRuntime

/// The wiring of one copy.
struct NotificationWorker {
    static let group = "notification"

    private let configuration: NotificationConfiguration

    /// - Throws: an error that names the variable.
    init(_ settings: Settings) throws {
        configuration = try NotificationConfiguration(settings)
    }

    /// Runs until SIGTERM or SIGINT, then finishes what is in hand.
    func run() async throws {
        let logger = Logger(label: Self.group)
        let database = PostgresClient(configuration: configuration.database, logger: logger)
        let mail = (0..<configuration.mailConnections).map { _ in CurlClient(configuration: configuration.mail) }
        let webhooks = CurlClient(configuration: configuration.webhooks)
        let producer = try KafkaProducer(
            configuration: KafkaProducerConfiguration(bootstrapServers: configuration.worker.bootstrapServers, clientID: Self.group), logger: logger)
        let parts = try NotificationParts(
            configuration, database: database, mail: mail, webhooks: webhooks, now: { .now }, metrics: NotificationMetrics(), logger: logger)
        let worker = try Worker(configuration: configuration.worker, handler: parts.handler, producer: producer, logger: logger)
        let monitoring = MonitoringServer(
            service: Self.group, port: configuration.metricsPort,
            readiness: {
                let readiness = worker.readiness
                let isDatabaseUp = database.status.connected > 0
                return Readiness(
                    isReady: readiness.isReady && isDatabaseUp, dependencies: readiness.dependencies + [.init("postgres", isDatabaseUp ? .up : .down)]
                )
            })
        var services: [any Service] = [monitoring, database, webhooks, producer] + mail
        if let clock = parts.clock { services.append(clock) }
        var group = ServiceGroupConfiguration(
            services: services + [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(18)
        try await ServiceGroup(configuration: group).run()
    }
}

extension Timestamp {
    /// The moment by this machine's clock.
    static var now: Timestamp { Timestamp(ms: WallClock.nowMs()) }
}
