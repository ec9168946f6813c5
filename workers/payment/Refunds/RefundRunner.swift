import BookingEngine
import Domain
import Logging
import Telemetry
import WorkerRuntime

/// Takes refunds from their request to their end.
///
/// As with sagas each line may be the last before a crash: the money goes back first, then the seats, then one transaction tells of both.
struct RefundRunner: Sendable {
    let payments: PaymentStore
    let store: RefundStore
    let engine: BookingEngine
    let gateway: any Gateway
    /// Takes outbox entries on their way.
    let publish: @Sendable ([OutboxEntry]) -> Void
    let now: @Sendable () -> Timestamp
    let metrics: PaymentMetrics
    let logger: Logger
    /// Called between any two effects; tests crash here.
    var checkpoint: @Sendable (StaticString) throws -> Void = { _ in }

    /// Takes a refund that is on its way as far as it goes.
    /// - Returns: what is to be told of it.
    func advance(_ refund: Refund, for message: String, trace: String) async throws -> [Derived] {
        guard let reading = try await payments.read(refund.payment, for: message) else { return [] }
        let payment = reading.saga.payment
        guard refund.status == .processing else { return try await tell(refund, payment, trace) }
        var done = refund.stepped(to: .succeeded, at: now())
        if refund.amountMinor > 0 {
            guard let intent = reading.saga.intent else {
                throw Failure(.deadLetter, label: "no_intent", message: "money is to be given back that was never captured")
            }
            switch try await MoneyBack(gateway: gateway).give(
                refund.amountMinor, of: intent, key: refund.id.description, payment: refund.payment, booking: refund.booking)
            {
            case .given(let id): done.gatewayID = id
            case .underWay: return [.refundState(refund, trace: trace)]
            case .refused(let attempts): return try await refused(refund, payment, attempts, message, trace)
            }
        }
        try checkpoint("after the refund")
        try await release(refund, trace)
        try checkpoint("after the seats were given back")
        let total = payment.refundedMinor + refund.amountMinor
        let paid = payment.stepped(
            to: total >= payment.amountMinor ? .refunded : .partiallyRefunded, errorCode: payment.errorCode, errorMessage: payment.errorMessage,
            refundedMinor: total, at: done.updatedAt)
        let ending = Ending(done, paid, message: message, trace: trace)
        guard try await store.write(done, payment: paid, ending: ending) else {
            throw Failure(.retry, label: "overtaken", message: "another copy is working at this refund")
        }
        try checkpoint("after the refund's transaction")
        return try await tell(done, paid, trace)
    }

    /// Gives the booking's seats back; what has ended already needs nothing.
    private func release(_ refund: Refund, _ trace: String) async throws {
        guard let shard = refund.booking.shard else { return }
        let outcome = try await engine.release([
            .init(
                booking: refund.booking, shard: shard, status: .refunded, by: refund.id.description,
                reason: refund.cause == .eventCancelled ? .eventCancelled : nil, trace: trace)
        ])[0].get()
        switch outcome {
        case .released(let entry): publish([entry])
        case .releasedBefore, .wrongState(.refunded), .notDue, .paymentOpen: break
        case .wrongState(let status):
            logger.error("a refunded booking is in another state", metadata: log(refund, error: status.rawValue))
        case .missing:
            // A day after the show Redis has forgotten it, and nobody can sit there any more.
            guard let reported = try await store.reported(refund.booking), reported.status != .reserved else {
                throw Failure(.retry, label: "state_missing", message: "the booking is neither in Redis nor known to PostgreSQL")
            }
        }
    }

    private func refused(_ refund: Refund, _ payment: Payment, _ attempts: Int, _ message: String, _ trace: String) async throws -> [Derived] {
        metrics.refusedRefunds.increment()
        logger.error("the gateway refused a refund", metadata: log(refund, error: "attempt \(attempts)"))
        // The clock asks again; after the last time a person has to.
        guard attempts >= MoneyBack.maxAttempts else { return [.refundState(refund, trace: trace)] }
        var failed = refund.stepped(to: .failed, at: now())
        failed.errorCode = "gateway_refused"
        let ending = Ending(failed, payment, message: message, trace: trace)
        guard try await store.write(failed, ending: ending) else {
            throw Failure(.retry, label: "overtaken", message: "another copy is working at this refund")
        }
        return try await tell(failed, payment, trace)
    }

    /// Shows in Redis how a refund stands, before that is told.
    func tell(_ refund: Refund, _ payment: Payment, _ trace: String) async throws -> [Derived] {
        let derived = refund.words(payment, trace: trace)
        try await engine.show(derived)
        try checkpoint("after Redis shows the refund")
        return derived
    }

    func log(_ refund: Refund, error: String) -> Logger.Metadata {
        var metadata = Logger.Metadata([.bookingID: "\(refund.booking)", .error: "\(error)"])
        metadata["payment.id"] = "\(refund.payment)"
        metadata["refund.id"] = "\(refund.id)"
        return metadata
    }
}

extension Refund {
    /// The operation that waits, as far as it has ended.
    private var finishedOperation: Operation? {
        guard let operation else { return nil }
        let resource = "/api/v1/refunds/\(id)"
        switch status {
        case .requested:
            return Operation(id: operation, user: user, type: "payment.refund", resource: resource).finished(error: nil)
        case .processing: return nil
        case .succeeded:
            return Operation(id: operation, user: user, type: "refund.approve", resource: resource).finished(error: nil)
        case .rejected:
            return Operation(id: operation, user: user, type: "refund.reject", resource: resource).finished(error: nil)
        case .failed:
            return Operation(id: operation, user: user, type: "refund.approve", resource: resource)
                .finished(error: (.paymentFailed, "The gateway refused to give the money back."))
        }
    }

    /// What its state has to tell; told again it is the same.
    func words(_ payment: Payment, trace: String) -> [Derived] {
        var words: [Derived] = [.refundState(self, trace: trace)]
        if status == .succeeded { words.append(.payment(payment, trace: trace)) }
        if let operation = finishedOperation { words.append(.operation(operation, tenant: tenant, trace: trace)) }
        return words
    }
}

extension Ending {
    /// What is written with a refund's state.
    init(_ refund: Refund, _ payment: Payment, message: String, trace: String) {
        let words = refund.words(payment, trace: trace)
        self.init(message: message, tenant: refund.tenant, operation: words.operation, derived: words)
    }

    /// The end of an operation that came to nothing.
    init(refusing operation: Operation, tenant: TenantID, message: String, trace: String) {
        self.init(
            message: message, tenant: tenant, operation: operation, derived: [.operation(operation, tenant: tenant, trace: trace)])
    }
}
