import BookingEngine
import Domain
import Telemetry

/// Begins payments, for the routes that do so: `POST /payments`, confirm, and reserve with a payment.
struct PaymentStarter: Sendable {
    let services: Services

    /// A payment that is on its way.
    struct Begun: Sendable {
        let payment: PaymentID
        /// `nil` when none was asked for.
        let operation: OperationID?
        /// Whether the same key had begun it before.
        let isReplay: Bool
    }

    /// Begins a payment of a user's booking and publishes what follows from it.
    /// - Parameters:
    ///   - field: names the booking in refusals.
    ///   - hasOperation: whether an operation waits for the end.
    /// - Throws: the refusal, which tells why the booking cannot be paid so.
    func begin(
        _ means: PaymentMeans, of booking: BookingID, field: String, user: UserID, hasOperation: Bool, idempotency: BookingEngine.Idempotency,
        trace: String
    ) async throws(APIError) -> Begun {
        guard let shard = booking.shard else { throw Self.unknown(field) }
        let now = BookingEngine.wallClockMs()
        let start = BookingEngine.PaymentStart(
            payment: .make(nowMs: now, shard: shard), booking: booking, shard: shard, user: user, method: means.method, token: means.token,
            operation: hasOperation ? .make(nowMs: now, shard: shard) : nil, idempotency: idempotency, trace: trace)
        let outcome: PaymentStartOutcome
        do {
            outcome = try await services.engine.beginPayment(start)
        } catch {
            throw .unavailable("The payment cannot be taken just now; the same Idempotency-Key is safe to send again.")
        }
        switch outcome {
        case .begun(let payment, let operation, let entries):
            MetricName.paymentsBegun.counter(means.method.rawValue).increment()
            await publish(entries)
            return Begun(payment: payment.id, operation: operation, isReplay: false)
        case .replayed(let payment, let operation): return Begun(payment: payment, operation: operation, isReplay: true)
        case .missing: throw try await missing(booking, user, field)
        default: throw Self.refusal(outcome, field)
        }
    }

    /// All at once in their order; the last acknowledgement is waited for, and what is late stays in the outbox.
    private func publish(_ entries: [OutboxEntry]) async {
        for entry in entries.dropLast() { services.publisher.publish(entry) { _ in } }
        if let last = entries.last { _ = await services.publisher.publish(last) }
    }

    /// A booking that Redis does not have ended a while ago, or never was.
    private func missing(_ booking: BookingID, _ user: UserID, _ field: String) async throws(APIError) -> APIError {
        do {
            guard let found = try await services.bookings.booking(booking, of: user) else { return Self.unknown(field) }
            return found.status == .reserved ? .unavailable() : Self.refusal(.wrongState(found.status), field)
        } catch {
            return .unavailable()
        }
    }

    private static func refusal(_ outcome: PaymentStartOutcome, _ field: String) -> APIError {
        switch outcome {
        case .begun, .replayed: APIError(.internalError, "Something went wrong on our side.")
        case .keyReused: .keyReused
        case .missing, .notYours: unknown(field)
        case .expired, .wrongState(.expired): APIError(.reservationExpired, "The reservation has expired.", field: field, reason: "has expired")
        case .wrongState(let status):
            APIError(
                .invalidState, "Only a reserved booking can be paid; this one is \(status.rawValue).", field: field, reason: "is \(status.rawValue)")
        case .open(let payment):
            APIError(.invalidState, "A payment of this booking is open.", field: field, reason: "has the open payment \(payment)")
        case .declinedTooOften:
            APIError(
                .invalidState, "\(BookingEngine.maximumDeclines) payments of this booking were declined; no other is possible.", field: field,
                reason: "was declined too often")
        case .methodNotAllowed:
            APIError(.invalidState, "This event takes no bank transfers.", field: "method", reason: "is not allowed for this event")
        case .outboxFull: .unavailable("Payments cannot be taken just now.")
        }
    }

    private static func unknown(_ field: String) -> APIError {
        APIError(.notFound, "There is no such booking.", field: field, reason: "is unknown")
    }
}
