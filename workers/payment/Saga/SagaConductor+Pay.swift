import BookingEngine
import Domain
import Logging
import PaymentGateway
import Telemetry
import WorkerRuntime

extension SagaConductor {
    /// created: makes an intent, unconfirmed, so that no money can move before its id is committed.
    func makeIntent(_ saga: Saga) async throws -> Saga? {
        let payment = saga.payment
        switch try await hold(of: payment) {
        case .gone(let status): return try await end(saga, .holdEnded, .holdEnded(status))
        // A hold past its due time and not released yet is about to end.
        case .ours(let due) where now() >= min(due, saga.deadline): return try await end(saga, .calledOff, .timedOut)
        case .ours, .sold: break
        }
        try checkpoint("after the hold was read")
        let processing = try saga.after(.intentMade, payment: payment.stepped(to: .processing, at: now()))
        guard payment.amountMinor > 0 else { return processing }
        let id: String
        switch await newIntent(of: payment) {
        case .success(let intent): id = intent.id
        case .failure(let error):
            guard error.isFinalRefusal else { throw error }
            logger.error("the gateway refused to make an intent", metadata: log(saga, error: "\(error)"))
            return try await end(saga, .declined, .declined(code: nil, message: nil))
        }
        try checkpoint("after the intent was made")
        var next = processing
        next.intent = id
        return next
    }

    private func newIntent(of payment: Payment) async -> Result<Intent, GatewayError> {
        do {
            return .success(
                try await gateway.createIntent(
                    amountMinor: payment.amountMinor, currency: payment.currency, method: payment.method.rawValue, paymentToken: nil,
                    metadata: metadata(of: payment), idempotencyKey: "\(payment.id)-create"))
        } catch {
            return .failure(error)
        }
    }

    /// reserved: lets the money move, or reads whether it has.
    func pay(_ saga: Saga, _ isFresh: Bool) async throws -> Saga? {
        if saga.payment.amountMinor == 0 { return try captured(saga, minor: 0) }
        guard let id = saga.intent else {
            throw Failure(.deadLetter, label: "no_intent", message: "the payment's intent is not known, so nothing tells whether it was paid")
        }
        let isOver = now() >= saga.deadline
        if isFresh, !isOver { return try await settle(saga, confirm(saga, id)) }
        let intent = try await gateway.intent(id)
        try checkpoint("after the intent was read")
        // What has ended has ended so, however late that is read; only what is still open is called off.
        if intent.status == .succeeded || intent.status == .canceled { return try await settle(saga, intent) }
        if isOver { return try await callOff(saga, id, .timedOut) }
        guard intent.isUnconfirmed else { return try await settle(saga, intent) }
        // Time has passed since the hold was looked at: money is not to be taken only to be given back.
        switch try await hold(of: saga.payment) {
        case .gone(let status): return try await callOff(saga, id, .holdEnded(status))
        case .ours, .sold: return try await settle(saga, confirm(saga, id))
        }
    }

    /// Lets the money move; nil when the token is gone, and with it the way to do so.
    private func confirm(_ saga: Saga, _ id: String) async throws -> Intent? {
        let token = try await engine.payment(saga.payment.id)?.token
        guard let token else {
            logger.warning("the payment's token is gone; it will be called off", metadata: log(saga))
            return nil
        }
        do {
            let intent = try await gateway.confirmIntent(id, paymentToken: token, idempotencyKey: "\(saga.payment.id)-confirm")
            try checkpoint("after the intent was confirmed")
            return intent
        } catch let error as GatewayError {
            guard error.isFinalRefusal, !error.isFateUnknown else { throw error }
            logger.warning("the gateway refused to confirm an intent", metadata: log(saga, error: "\(error)"))
        }
        // Read, since only that tells whether money moved; one without an error counts as declined by the refusal.
        let intent = try await gateway.intent(id)
        return intent.isUnconfirmed ? intent.refused() : intent
    }

    /// What follows from how the intent is.
    private func settle(_ saga: Saga, _ intent: Intent?) async throws -> Saga? {
        guard let intent else { return nil }
        switch intent.status {
        case .succeeded: return try await taken(saga, intent)
        case .canceled:
            // Called off by a run before this one, because it was declined.
            if intent.lastError != nil { return try await end(saga, .declined, decline(intent)) }
            return try await end(saga, .calledOff, now() >= saga.deadline ? .timedOut : .calledOff)
        // Called off before it counts as declined, so that it can never be paid after all.
        case .requiresPaymentMethod: return try await callOff(saga, intent.id, decline(intent))
        case .processing, .requiresAction, .requiresConfirmation: return nil
        }
    }

    private func decline(_ intent: Intent) -> PaymentFault {
        .declined(code: intent.lastError?.declineCode ?? intent.lastError?.code, message: intent.lastError?.message)
    }

    /// Calls the intent off: it fails only when the gateway says that it cannot be paid any more.
    private func callOff(_ saga: Saga, _ id: String, _ fault: PaymentFault) async throws -> Saga? {
        // Named by the try, since a gateway repeats its first answer to a key, also when that was a refusal.
        let intent = try await gateway.cancelIntent(id, idempotencyKey: "\(saga.payment.id)-cancel-\(saga.wakes)")
        try checkpoint("after the intent was called off")
        switch intent.status {
        case .canceled:
            if case .declined = fault { return try await end(saga, .declined, fault) }
            return try await end(saga, .calledOff, fault)
        case .succeeded: return try await taken(saga, intent)
        // Money is under way and cannot be stopped now; the clock looks again.
        case .processing, .requiresAction, .requiresConfirmation, .requiresPaymentMethod: return nil
        }
    }

    /// The gateway has the money: the right amount, or a person has to look.
    private func taken(_ saga: Saga, _ intent: Intent) async throws -> Saga {
        let payment = saga.payment
        guard intent.amountReceivedMinor == payment.amountMinor, intent.currency.lowercased() == payment.currency.lowercased() else {
            try await store.suspend(payment.id)
            metrics.mismatches.increment()
            logger.error("captured amount differs from the payment's; nothing is confirmed", metadata: log(saga))
            throw Failure(
                .deadLetter, label: "amount_mismatch",
                message: "captured \(intent.amountReceivedMinor) \(intent.currency) for \(payment.amountMinor) \(payment.currency)")
        }
        return try captured(saga, minor: payment.amountMinor)
    }

    private func captured(_ saga: Saga, minor: Int64) throws -> Saga {
        var next = try saga.after(.captured)
        next.capturedMinor = minor
        return next
    }

    private func metadata(of payment: Payment) -> [String: String] {
        ["payment_id": payment.id.description, "booking_id": payment.booking.description, "tenant_id": payment.tenant.description]
    }

    /// What a log line says of a saga.
    func log(_ saga: Saga, error: String? = nil) -> Logger.Metadata {
        var metadata = Logger.Metadata([.bookingID: "\(saga.payment.booking)", .outcome: "\(saga.state.rawValue)"])
        metadata["payment.id"] = "\(saga.payment.id)"
        if let error { metadata[LogKey.error.rawValue] = "\(error)" }
        return metadata
    }
}

extension Intent {
    /// Whether it was never confirmed, so that no money can have moved.
    var isUnconfirmed: Bool { status == .requiresConfirmation || (status == .requiresPaymentMethod && lastError == nil) }
}

extension Intent {
    /// The same, declined without a reason of the bank's.
    fileprivate func refused() -> Intent {
        Intent(
            id: id, status: .requiresPaymentMethod, amountMinor: amountMinor, amountReceivedMinor: amountReceivedMinor, currency: currency,
            metadata: metadata, lastError: .init(code: "declined", message: "The payment was declined."))
    }
}

extension GatewayError {
    /// Whether the gateway answered, and would answer the same again.
    var isFinalRefusal: Bool { code == .invalidRequest || code == .declined || code == .notFound }
}
