import BookingEngine
import Domain
import Logging
import WorkerRuntime

/// Takes a payment's saga from wherever it is to where it rests: the one way on, for charges, webhooks, the clock and every redelivery.
///
/// Each line may be the last before a crash. What a step does outside PostgreSQL says the same again when it is done twice, and the rows say where to go
/// on; Redis and the gateway come before the transaction that tells of them.
struct SagaConductor: Sendable {
    /// Times a saga may be found changed under one's hands before the message is tried again later.
    private static let maxOvertaken = 8

    let store: PaymentStore
    let engine: BookingEngine
    let gateway: any Gateway
    /// Takes outbox entries on their way; nobody waits for the acknowledgement, since they stay in the outbox until it has come.
    let publish: @Sendable ([OutboxEntry]) -> Void
    let now: @Sendable () -> Timestamp
    let metrics: PaymentMetrics
    let logger: Logger
    /// Called between any two effects; tests crash here.
    var checkpoint: @Sendable (StaticString) throws -> Void = { _ in }

    /// What a saga is advanced for.
    struct Occasion: Sendable {
        /// The message's id.
        let message: String
        /// Whether a state in which it rests is to be told.
        let tellsRest: Bool
    }

    /// Advances a saga until it rests.
    /// - Returns: what is to be told of it.
    func advance(_ start: Saga, on occasion: Occasion) async throws -> [Derived] {
        var saga = start
        // Whether this very run made the intent, so that nothing can have become of it meanwhile.
        var isFresh = false
        var overtaken = 0
        while !saga.state.isFinal {
            guard let next = try await step(saga, isFresh) else { return try await rest(saga, occasion) }
            try checkpoint("before the transaction")
            let ending = next.state.isFinal ? Ending(message: occasion.message, next) : nil
            if try await store.write(SagaStep(from: saga, to: next, ending: ending)) {
                if next.state.isFinal { metrics.ended(next) }
                saga = next
                isFresh = next.state == .reserved
            } else {
                overtaken += 1
                guard overtaken <= Self.maxOvertaken, let reading = try await store.read(saga.payment.id, for: occasion.message) else {
                    throw Failure(.retry, label: "overtaken", message: "another copy is working at this payment")
                }
                saga = reading.saga
                isFresh = false
            }
            try checkpoint("after the transaction")
        }
        return try await tell(saga.lastWords)
    }

    /// Shows in Redis what is to be told, before it is told.
    func tell(_ derived: [Derived]) async throws -> [Derived] {
        try await engine.show(derived)
        try checkpoint("after Redis shows the end")
        return derived
    }

    /// The next state, once its effects are there; nil when there is nothing to do until something happens.
    private func step(_ saga: Saga, _ isFresh: Bool) async throws -> Saga? {
        switch saga.state {
        case .created: try await makeIntent(saga)
        case .reserved: try await pay(saga, isFresh)
        case .paid: try await sell(saga)
        case .compensating: try await giveBack(saga)
        case .confirmed, .failed: nil
        }
    }

    private func rest(_ saga: Saga, _ occasion: Occasion) async throws -> [Derived] {
        let derived: [Derived] = [.payment(saga.payment, trace: saga.trace)]
        try await engine.show(derived)
        return occasion.tellsRest ? derived : []
    }
}

extension Ending {
    /// What is written with a saga's last transition.
    init(message: String, _ saga: Saga) {
        self.init(message: message, tenant: saga.payment.tenant, operation: saga.finishedOperation, derived: saga.lastWords)
    }
}
