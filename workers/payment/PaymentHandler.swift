import Domain
import KafkaClient
import Logging
import WorkerRuntime

/// Carries out `payment.commands`.
struct PaymentHandler: MessageHandler {
    let store: PaymentStore
    let conductor: SagaConductor
    let refunds: RefundRunner
    let cancellations: CancellationRunner
    /// Sends messages and returns once Kafka has them.
    let send: @Sendable ([KafkaRecord]) async throws -> Void
    let logger: Logger

    func handle(_ delivery: Delivery) async throws -> MessageOutcome {
        let trace = delivery.message.headers.text("traceparent") ?? ""
        let derived: [Derived]
        switch try PaymentMessage(delivery.message) {
        case .charge(let command):
            let saga = try await store.open(Saga(command, trace: trace))
            derived = try await conductor.advance(saga, on: .init(message: delivery.id, tellsRest: true))
        case .advance(let command):
            do {
                return try await advance(command, delivery, trace, tellsRest: true)
            } catch {
                // The clock comes again by itself, until the saga is final: no message has to wait for that, and no person.
                guard Failure(error).disposition == .retry else { throw error }
                logger.warning(
                    "a payment's next step did not succeed", metadata: ["payment.id": "\(command.payment)", "error": "\(Failure(error).label)"])
                return .skip
            }
        case .webhook(let command): return try await advance(command, delivery, trace, tellsRest: false)
        case .refund(let command): derived = try await refunds.request(command, for: delivery.id, trace: trace)
        case .decideRefund(let decision): derived = try await refunds.decide(decision, for: delivery.id, trace: trace)
        case .refundEvent(let command): derived = try await cancellations.handle(command, for: delivery.id, trace: trace)
        }
        return .done(derived.messages)
    }

    /// A payment is to be looked at again: its saga, and when that is final a refund of it.
    private func advance(_ command: AdvanceCommand, _ delivery: Delivery, _ trace: String, tellsRest: Bool) async throws -> MessageOutcome {
        guard let reading = try await store.read(command.payment, for: delivery.id), reading.saga.payment.booking == command.booking else {
            // A webhook for a payment that was never begun here, or of another booking: nobody's.
            logger.warning("no such payment", metadata: ["payment.id": "\(command.payment)"])
            return .skip
        }
        let saga = reading.saga
        if !saga.state.isFinal {
            let derived = try await conductor.advance(saga, on: .init(message: delivery.id, tellsRest: tellsRest && saga.wakes <= 1))
            return .done(derived.messages)
        }
        // This very message was the saga's or a refund's last, and what follows from it may not have been told.
        if reading.isDone, reading.refund == nil {
            var derived = try await conductor.tell(saga.lastWords)
            if let refund = try await refunds.store.newest(of: command.payment) { derived += try await refunds.tell(refund, saga.payment, trace) }
            return .done(derived.messages)
        }
        guard let id = reading.refund, let refund = try await refunds.store.refund(id) else { return .skip }
        return .done(try await refunds.advance(refund, for: delivery.id, trace: trace).messages)
    }
}
