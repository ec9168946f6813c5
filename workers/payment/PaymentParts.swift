import BookingEngine
import Domain
import KafkaClient
import Logging
import PostgresClient

/// What the worker is made of between its stores, the gateway and the topics.
struct PaymentParts: Sendable {
    let handler: PaymentHandler
    let clock: Clock

    /// - Parameters:
    ///   - publish: takes outbox entries on their way without waiting.
    ///   - send: sends messages and returns once Kafka has them.
    ///   - checkpoint: called between any two effects.
    init(
        database: PostgresClient, engine: BookingEngine, gateway: any Gateway, group: String, publish: @escaping @Sendable ([OutboxEntry]) -> Void,
        send: @escaping @Sendable ([KafkaRecord]) async throws -> Void, now: @escaping @Sendable () -> Timestamp, logger: Logger,
        metrics: PaymentMetrics = PaymentMetrics(), checkpoint: @escaping @Sendable (StaticString) throws -> Void = { _ in }
    ) {
        let store = PaymentStore(database: database, group: group)
        let conductor = SagaConductor(
            store: store, engine: engine, gateway: gateway, publish: publish, now: now, metrics: metrics, logger: logger, checkpoint: checkpoint)
        let refunds = RefundRunner(
            payments: store, store: RefundStore(database: database, group: group), engine: engine, gateway: gateway, publish: publish, now: now,
            metrics: metrics, logger: logger, checkpoint: checkpoint)
        let cancellations = CancellationRunner(
            store: CancellationStore(database: database, group: group), refunds: refunds, engine: engine, publish: publish, now: now,
            logger: logger, checkpoint: checkpoint)
        handler = PaymentHandler(
            store: store, conductor: conductor, refunds: refunds, cancellations: cancellations, send: send, logger: logger)
        clock = Clock(
            rows: WakeStore(database: database), store: store, send: send, now: now, metrics: metrics, logger: logger)
    }
}
