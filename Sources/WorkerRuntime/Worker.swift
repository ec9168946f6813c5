public import KafkaClient
public import Logging
public import ServiceLifecycle
public import Telemetry
import Topics

/// A member of a consumer group that handles messages until it is told to stop: a `Service`, to be placed after the producer it is given.
///
/// On a graceful shutdown it takes nothing more, finishes what is in hand within the configured limit, commits, and leaves the group. What is not
/// finished comes again. `run()` throws when a failure is fatal.
public final class Worker: Service {
    private let configuration: WorkerConfiguration
    private let control = WorkerControl()
    private let consumer: KafkaConsumer
    private let offsets: Offsets
    private let lag: LagReporter
    private let logger: Logger
    private let loop: @Sendable () async throws -> Void

    /// A worker that applies whole batches.
    /// - Parameter producer: writes the dead letters; it must outlive the worker.
    /// - Throws: ``WorkerError`` when the group has no declared DLQ or a limit is out of range, `KafkaError` when the consumer cannot be made.
    public convenience init(
        configuration: WorkerConfiguration, handler: some BatchHandler, producer: KafkaProducer, registry: PrometheusRegistry = Telemetry.registry,
        logger: Logger
    ) throws {
        try self.init(configuration, producer, registry, logger) { parts in
            let processor = BatchProcessor(
                handler: handler, configuration: configuration, control: parts.control, metrics: parts.metrics, logger: parts.logger,
                burial: parts.burial { try await handler.gaveUp($0) })
            let loop = BatchLoop(
                processor: processor, consumer: parts.consumer, configuration: configuration, control: parts.control, offsets: parts.offsets,
                logger: parts.logger)
            return { try await loop.run() }
        }
    }

    /// A worker that handles messages one by one, several keys at once.
    /// - Parameter producer: writes the dead letters; it must outlive the worker.
    /// - Throws: as the other initialiser.
    public convenience init(
        configuration: WorkerConfiguration, handler: some MessageHandler, producer: KafkaProducer, registry: PrometheusRegistry = Telemetry.registry,
        logger: Logger
    ) throws {
        try self.init(configuration, producer, registry, logger) { parts in
            let runner = MessageRunner(
                handler: handler, configuration: configuration, control: parts.control, metrics: parts.metrics,
                window: FailureWindow(minFailures: configuration.minOutageFailures), logger: parts.logger,
                burial: parts.burial { try await handler.gaveUp($0) })
            let loop = MessageLoop(
                runner: runner, consumer: parts.consumer, configuration: configuration, control: parts.control, offsets: parts.offsets,
                logger: parts.logger)
            return { try await loop.run() }
        }
    }

    /// What both kinds of loop are made of.
    private struct Parts {
        let control: WorkerControl
        let metrics: WorkerMetrics
        let consumer: KafkaConsumer
        let offsets: Offsets
        let logger: Logger
        /// What gives messages up, and tells the handler.
        let burial: (_ gaveUp: @escaping @Sendable ([GivenUpMessage]) async throws -> Void) -> Burial
    }

    private init(
        _ configuration: WorkerConfiguration, _ producer: KafkaProducer, _ registry: PrometheusRegistry, _ logger: Logger,
        makeLoop: (Parts) -> @Sendable () async throws -> Void
    ) throws {
        guard let deadLetters = Topic.deadLetters(of: configuration.group) else {
            throw WorkerError(
                .configuration, operation: "make worker", message: "no dead-letter topic is declared for the group \(configuration.group)")
        }
        guard configuration.maxMessages > 0, configuration.maxBytes > 0, configuration.concurrency > 0, !configuration.topics.isEmpty else {
            throw WorkerError(.configuration, operation: "make worker", message: "a worker needs topics and limits above zero")
        }
        var named = logger
        named[.kafkaGroup] = "\(configuration.group)"
        if let id = configuration.instanceID, !WorkerConfiguration.isUsable(instanceID: id) {
            throw WorkerError(
                .configuration, operation: "make worker",
                message: "the instance id must be 1 to 200 characters of a-z, A-Z, 0-9, '.', '_' and '-', not \"\(id)\"")
        }
        let logger = named
        var settings = KafkaConsumerConfiguration(
            bootstrapServers: configuration.bootstrapServers, clientID: configuration.name, groupID: configuration.group,
            topics: configuration.topics.map(\.name))
        settings.instanceID = configuration.instanceID
        settings.revokeLimit = configuration.revokeLimit
        settings.options = configuration.consumerOptions
        self.configuration = configuration
        self.logger = logger
        consumer = try KafkaConsumer(configuration: settings, logger: logger)
        offsets = Offsets(consumer: consumer, logger: logger)
        lag = LagReporter(consumer: consumer, offsets: offsets, configuration: configuration, registry: registry, logger: logger)
        let writer = DeadLetterWriter(
            producer: producer, topic: deadLetters, group: configuration.group, build: configuration.build, logger: logger)
        let control = self.control
        loop = makeLoop(
            Parts(
                control: control, metrics: WorkerMetrics(worker: configuration.name, registry: registry), consumer: consumer, offsets: offsets,
                logger: logger,
                burial: { gaveUp in
                    Burial(
                        configuration: configuration, control: control, logger: logger, bury: { try await writer.bury($0) }, gaveUp: gaveUp)
                }))
    }

    /// What the worker is doing now.
    public var status: WorkerStatus { control.status }

    /// The status as the body of `GET /ready`.
    public var readiness: Readiness { control.status.readiness(kafkaIsReachable: consumer.isReachable) }

    /// Works until a graceful shutdown, cancellation, or a fatal failure.
    public func run() async throws {
        logger.info("worker started")
        let outcome: Result<Void, any Error>
        do {
            try await withGracefulShutdownHandler {
                try await work()
            } onGracefulShutdown: { [control] in
                control.drain()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        if !(await consumer.close(limit: configuration.shutdownLimit)) { logger.warning("consumer did not close in time") }
        logger.info("worker stopped")
        if case .failure(let error) = outcome, !(error is CancellationError) { throw error }
    }

    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (lag, control, loop, limit) = (lag, control, loop, configuration.shutdownLimit)
            group.addTask {
                await lag.run()
                // The loop decides when the work is over.
                try await Task.sleep(for: .seconds(1 << 30))
            }
            group.addTask {
                while !control.isDraining { try await Task.sleep(for: WorkerControl.slice) }
                try await Task.sleep(for: limit)
                control.abandon()
                throw CancellationError()
            }
            group.addTask {
                try await loop()
                throw Finished()
            }
            defer { group.cancelAll() }
            do {
                while try await group.next() != nil {}
            } catch is Finished {}
        }
    }

    /// Ends the group when the loop has ended by itself.
    private struct Finished: Error {}
}
