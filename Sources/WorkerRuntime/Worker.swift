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
    private let control: WorkerControl
    private let consumer: KafkaConsumer
    private let offsets: Offsets
    private let watchdog: Watchdog
    private let logger: Logger
    private let loop: @Sendable () async throws -> Void

    /// A worker that applies whole batches. It also consumes its group's redrive topic, where one is declared.
    /// - Parameter producer: writes the dead letters; it must outlive the worker.
    /// - Throws: ``WorkerError`` when the group has no declared DLQ or a limit is out of range, `KafkaError` when the consumer cannot be made.
    public convenience init(
        configuration: WorkerConfiguration, handler: some BatchHandler, producer: KafkaProducer, registry: PrometheusRegistry = Telemetry.registry,
        logger: Logger
    ) throws {
        try self.init(configuration, RetryTopics(names: []), producer, registry, logger) { parts in
            let processor = BatchProcessor(
                handler: handler, configuration: configuration, control: parts.control, metrics: parts.metrics, logger: parts.logger,
                handover: parts.handover { try await handler.gaveUp($0) }, watchdog: parts.watchdog)
            let loop = BatchLoop(
                processor: processor, redriveTopic: parts.redriveTopic, consumer: parts.consumer, configuration: configuration,
                control: parts.control, offsets: parts.offsets,
                logger: parts.logger)
            return { try await loop.run() }
        }
    }

    /// A worker that handles messages one by one, several keys at once. It also consumes its group's retry topics and redrive topic,
    /// where some are declared.
    /// - Parameters:
    ///   - inbox: remembers what was dealt with, for handlers that write to it.
    ///   - producer: writes the dead letters, the retries and what follows from messages; it must outlive the worker.
    /// - Throws: as the other initialiser.
    public convenience init(
        configuration: WorkerConfiguration, handler: some MessageHandler, inbox: Inbox? = nil, producer: KafkaProducer,
        registry: PrometheusRegistry = Telemetry.registry, logger: Logger
    ) throws {
        let retries = RetryTopics(names: Topic.retries(of: configuration.group).map(\.name))
        try self.init(configuration, retries, producer, registry, logger) { parts in
            let runner = MessageRunner(
                handler: handler, configuration: configuration, control: parts.control, metrics: parts.metrics,
                window: FailureWindow(minFailures: configuration.minOutageFailures, longestBackoff: configuration.outageBackoff.upperBound),
                logger: parts.logger,
                handover: parts.handover { try await handler.gaveUp($0) }, retries: retries, inbox: inbox, watchdog: parts.watchdog)
            let loop = MessageLoop(
                runner: runner, retryTopics: Set(retries.names), redriveTopic: parts.redriveTopic, consumer: parts.consumer,
                configuration: configuration, control: parts.control,
                offsets: parts.offsets,
                watchdog: parts.watchdog, logger: parts.logger)
            return { try await loop.run() }
        }
    }

    /// What both kinds of loop are made of.
    private struct Parts {
        let control: WorkerControl
        let metrics: WorkerMetrics
        let consumer: KafkaConsumer
        let offsets: Offsets
        /// The name of the group's redrive topic, where one is declared.
        let redriveTopic: String?
        let logger: Logger
        let watchdog: Watchdog
        /// What hands messages on, and tells the handler of those that are given up.
        let handover: (_ gaveUp: @escaping @Sendable ([GivenUpMessage]) async throws -> Void) -> Handover
    }

    private init(
        _ configuration: WorkerConfiguration, _ retries: RetryTopics, _ producer: KafkaProducer, _ registry: PrometheusRegistry, _ logger: Logger,
        makeLoop: (Parts) -> @Sendable () async throws -> Void
    ) throws {
        guard let deadLetters = Topic.deadLetters(of: configuration.group) else {
            throw WorkerError(
                .configuration, operation: "make worker", message: "no dead-letter topic is declared for the group \(configuration.group)")
        }
        if let fault = configuration.fault { throw WorkerError(.configuration, operation: "make worker", message: fault) }
        var named = logger
        named[.kafkaGroup] = "\(configuration.group)"
        let logger = named
        var settings = KafkaConsumerConfiguration(
            bootstrapServers: configuration.bootstrapServers, clientID: configuration.name, groupID: configuration.group,
            topics: configuration.topics.map(\.name) + retries.names)
        let redriveTopic = Topic.redrives(of: configuration.group)?.name
        if let redriveTopic { settings.topics.append(redriveTopic) }
        settings.instanceID = configuration.instanceID
        settings.revokeLimit = configuration.revokeLimit
        settings.options = configuration.consumerOptions
        self.configuration = configuration
        self.logger = logger
        consumer = try KafkaConsumer(configuration: settings, logger: logger)
        offsets = Offsets(consumer: consumer, logger: logger)
        let writer = DeadLetterWriter(
            producer: producer, topic: deadLetters, group: configuration.group, build: configuration.build, logger: logger)
        let metrics = WorkerMetrics(worker: configuration.name, registry: registry)
        let control = WorkerControl { metrics.paused($0) }
        self.control = control
        let watchdog = Watchdog(configuration: configuration, control: control, logger: logger)
        self.watchdog = watchdog
        loop = makeLoop(
            Parts(
                control: control, metrics: metrics, consumer: consumer, offsets: offsets, redriveTopic: redriveTopic,
                logger: logger, watchdog: watchdog,
                handover: { gaveUp in
                    Handover(
                        configuration: configuration, control: control, logger: logger, bury: { try await writer.bury($0) },
                        postpone: { try await writer.postpone($0, to: $1, dueMs: $2) }, send: { try await writer.send($0) }, gaveUp: gaveUp)
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
            let (watchdog, control, loop, limit) = (watchdog, control, loop, configuration.shutdownLimit)
            group.addTask {
                await watchdog.run()
                throw CancellationError()
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
