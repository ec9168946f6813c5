import Authentication
import BookingEngine
import DeadLetters
import Domain
import Glibc
import Hummingbird
import HummingbirdCore
import KafkaClient
import Logging
import NIOCore
import NIOPosix
import PostgresClient
import RedisClient
import Replays
import ServiceLifecycle
import Telemetry
import Topics

/// The wiring of one ingress process.
struct Ingress {
    let configuration: IngressConfiguration

    /// See ``BookingEngine/init(redis:reservers:limits:)``. The second is for full flights beside another.
    private static let reserveConnections = 2

    /// Runs until SIGTERM or SIGINT; then waits end, requests in hand are answered, and everything is closed in reverse order.
    func run() async throws {
        let logger = Logger(label: "ingress")
        let trust = Trust(logger: logger)
        let onConnect: @Sendable (String) -> Void = { runID in trust.connected(runID) }
        let redis = RedisClient(
            configuration: configuration.redis, logger: logger, scripts: [], onConnect: onConnect)
        let database = PostgresClient(configuration: configuration.database, logger: logger)
        let producer = try KafkaProducer(configuration: producerConfiguration, logger: logger)
        var tailed = KafkaConsumerConfiguration(bootstrapServers: configuration.kafka, clientID: "ingress-tail")
        tailed.copiesValues = false
        tailed.copiesValuesOf = [Topic.queueEvents.name]
        // Under load a fetch waits for some records more, and at most as long as a waiter does not notice: else there is a fetch for every append.
        tailed.fetchMaxWait = .milliseconds(10)
        tailed.options["fetch.min.bytes"] = "65536"
        let consumer = try KafkaConsumer(configuration: tailed, logger: logger)
        let tokens = try await TokenKeys(current: configuration.signingKey, previous: configuration.previousKey)

        let reservers = (0..<Self.reserveConnections).map { _ in
            RedisClient(configuration: configuration.redis, logger: logger, onConnect: onConnect)
        }
        let engine = BookingEngine(redis: redis, reservers: reservers, limits: configuration.limits, trust: trust)
        let publisher = OutboxPublisher(producer: producer, redis: redis, logger: logger)
        let waiters = Waiters()
        let room = WaitingRoom(
            passes: configuration.queuePassKey,
            board: QueueBoard(waiters: waiters, logger: logger) { event, users in try await engine.queueEntries(event: event, users: users) },
            arrivals: ArrivalCounter(logger: logger) { counts in try await engine.reportArrivals(counts) })
        let tail = EventTail(consumer: consumer, waiters: waiters, board: room.board, logger: logger)
        let sweeper = OutboxSweeper(
            owner: "ingress-\(UUIDBits.version7(nowMs: BookingEngine.wallClockMs(), shard: Shard(truncating: 0)))", publisher: publisher,
            redis: redis,
            endOffsets: { tail.positions }, logger: logger)
        let views = try ViewReporter(bootstrapServers: configuration.kafka, logger: logger)
        let services = Services(
            engine: engine, publisher: publisher, tokens: tokens, bookings: BookingReports(database: database),
            payments: PaymentReports(database: database), catalogue: Catalogue(database: database, redis: redis, engine: engine),
            tickets: configuration.tickets, waiters: waiters,
            limiter: RateLimiter(engine: engine, trustedProxies: configuration.trustedProxies), room: room,
            defaultPaymentToken: configuration.defaultPaymentToken,
            audit: { entry in
                // What was decided stands, whether or not Kafka hears of it.
                try? producer.enqueue(CloudEvent(entry).record) { _ in }
            }, logger: logger, views: views)
        let health = Health(redis: redis, database: database, publisher: publisher, tail: tail, engine: engine, trust: trust)

        let webhooks = WebhookRoute(
            secrets: configuration.webhookSecrets, now: { BookingEngine.wallClockMs() / 1000 },
            send: { record in _ = try await producer.send(record) })
        let lag = LagBoard(bootstrapServers: configuration.kafka, logger: logger)
        let gate = AdminGate(services: services)
        let deadLetters = DeadLetterRoutes(
            gate: gate,
            // Only reads here.
            desk: DeadLetterDesk(database: database, bootstrapServers: configuration.kafka, audit: { _ in }, logger: logger),
            audit: { entry in _ = try await producer.send(CloudEvent(entry).record) })
        let admin = AdminRoutes(
            gate: gate, jobs: JobReports(database: database),
            // Only plans and lists here.
            replays: ReplayDesk(database: database, bootstrapServers: configuration.kafka, audit: { _ in }, logger: logger),
            lag: lag, deadLetters: deadLetters)
        let server = try makeServer(services, health, webhooks, admin, AuditedWrites(services: services, producer: producer), logger)
        let monitoring = MonitoringServer(
            service: "ingress", host: configuration.host, port: configuration.metricsPort, readiness: { await health.readiness() })
        // Order is dependency; stopping goes the other way round.
        var group = ServiceGroupConfiguration(
            services: [monitoring, redis] + reservers + [
                database, producer, views, publisher, trust, tail, sweeper, lag, room.board, room.arrivals, server, waiters,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(15)
        try await ServiceGroup(configuration: group).run()
    }

    private var producerConfiguration: KafkaProducerConfiguration {
        var producer = KafkaProducerConfiguration(bootstrapServers: configuration.kafka, clientID: "ingress")
        // A batch of a partition is a few records here, too few to be made smaller; lz4's contexts were an eighth of the ingress' CPU at 5,000/s.
        producer.compression = "none"
        producer.linger = .milliseconds(10)
        return producer
    }

    private func makeServer(
        _ services: Services, _ health: Health, _ webhooks: WebhookRoute, _ admin: AdminRoutes, _ writes: AuditedWrites, _ logger: Logger
    ) throws -> any Service {
        let (metrics, reserve, traceSampling) = (RequestMetrics(), ReserveRoute(services: services), configuration.traceSampling)
        let responder = IngressResponder(
            router: routes(services, health, webhooks, admin), metrics: metrics, traceSampling: traceSampling, logger: logger, writes: writes)
        let http = HTTP1Channel.Configuration(
            httpDecoderConfiguration: .init(maxHeaderFieldSize: 8 * 1024, maxHeaderListSize: 16 * 1024, maxHeaderFieldCount: 100))
        var quiet = logger
        quiet.logLevel = .error
        // Hummingbird's server without its Application, which would give each request a logger and an id of its own.
        let quietLogger = quiet
        let builder = HTTPServerBuilder { responder in
            IngressChannel(http: HTTP1Channel(responder: responder, configuration: http)) {
                ReserveLane(route: reserve, connection: $0, metrics: metrics, traceSampling: traceSampling)
            }
        }
        return try builder.buildServer(
            configuration: .init(address: .hostname(configuration.host, port: configuration.httpPort), backlog: configuration.backlog),
            eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: configuration.loops), logger: quiet,
            responder: { request, writer, channel in
                let context = IngressContext(source: .init(channel: channel, logger: quietLogger))
                let response = try await responder.respond(to: request, context: context)
                try await writer.write(response: response.head, body: response.body)
            },
            onServerRunning: { channel in
                logger.notice("the ingress listens", metadata: ["http.port": "\(channel.localAddress?.port ?? 0)"])
            })
    }

    private func routes(
        _ services: Services, _ health: Health, _ webhooks: WebhookRoute, _ admin: AdminRoutes
    ) -> some HTTPResponder<IngressContext> {
        let bookings = BookingRoutes(services: services)
        let catalogue = CatalogueRoutes(services: services)
        let (payments, refunds) = (PaymentRoutes(services: services), RefundRoutes(services: services))
        var routes = RouteTable()
        let base = "/api/v1"
        routes.elsewhere(.post, ReserveLane.path)
        routes.on(.get, "\(base)/bookings", bookings.list)
        routes.on(.get, "\(base)/bookings/pending", bookings.pending)
        routes.on(.get, "\(base)/bookings/{id}", bookings.status)
        routes.on(.get, "\(base)/bookings/{id}/stream", bookings.stream)
        routes.on(.post, "\(base)/bookings/{id}/cancel", bookings.cancel)
        routes.on(.post, "\(base)/bookings/{id}/confirm", payments.confirm)
        routes.on(.get, "\(base)/bookings/{id}/ticket", TicketRoute(services: services, database: services.bookings.database).read)
        routes.on(.post, "\(base)/tickets/verify", VerifyRoute(services: services, database: services.bookings.database).verify)
        routes.on(.post, "\(base)/payments", payments.create)
        routes.on(.post, "\(base)/payments/webhook", webhooks.receive)
        routes.on(.get, "\(base)/payments/{id}", payments.status)
        routes.on(.get, "\(base)/payments/{id}/stream", payments.stream)
        routes.on(.post, "\(base)/payments/{id}/refund", payments.refund)
        routes.on(.get, RefundRoutes.path, refunds.list)
        routes.on(.get, "\(RefundRoutes.path)/{id}", refunds.one)
        routes.on(.get, "\(RefundRoutes.path)/{id}/stream", refunds.stream)
        routes.on(.post, "\(RefundRoutes.path)/{id}/approve", refunds.approve)
        routes.on(.post, "\(RefundRoutes.path)/{id}/reject", refunds.reject)
        routes.on(.get, "\(base)/operations/{id}", bookings.operation)
        routes.on(.get, "\(base)/operations/{id}/stream", bookings.operationStream)
        routes.on(.get, "\(base)/events", catalogue.events)
        routes.on(.get, "\(base)/events/{id}", catalogue.event)
        routes.on(.get, "\(base)/events/{id}/shows", catalogue.shows)
        routes.on(.post, "\(base)/events/{id}/cancel", EventCancelRoute(services: services).cancel)
        routes.on(.get, "\(base)/events/{id}/cancel", EventCancelRoute(services: services).progress)
        routes.on(.get, "\(base)/shows/{id}/zones", catalogue.zones)
        routes.on(.get, "\(base)/zones/{id}/seats", catalogue.seats)
        QueueRoutes(services: services).add(to: &routes)
        NotificationRoutes(services: services, reports: NotificationReports(database: services.bookings.database)).add(to: &routes)
        AnalyticsRoutes(services: services).add(to: &routes)
        admin.add(to: &routes)
        routes.on(.get, "/health", health.alive)
        routes.on(.get, "/ready", health.ready)
        return routes.build()
    }
}
