import BookingEngine
import Domain
import Logging
import WorkerRuntime

/// Why a request came to nothing, for those who asked.
struct Refusal: Error, Equatable {
    let code: ErrorCode
    let message: String
}

extension RefundRunner {
    /// A refund is asked for: by the buyer, for the organiser to decide, or by an event's cancellation, which nobody is asked about.
    func request(_ command: RefundCommand, for message: String, trace: String) async throws -> [Derived] {
        if let refund = try await store.refund(command.refund) { return try await goOn(refund, command, message, trace) }
        let refund: Refund
        do {
            refund = try await judge(command, message)
        } catch let refusal as Refusal {
            return try await refuse(command, refusal, message, trace)
        }
        try checkpoint("after the rules")
        // What is on its way has its last transaction still before it.
        let isLast = refund.status == .requested
        let words = refund.words(try await payment(of: command, message), trace: trace)
        let ending = isLast ? Ending(message: message, tenant: refund.tenant, operation: words.operation, derived: words) : nil
        guard try await store.insert(refund, ending: ending) else {
            if let refund = try await store.refund(command.refund) { return try await goOn(refund, command, message, trace) }
            return try await refuse(command, Refusal(code: .invalidState, message: "There is a refund of this payment already."), message, trace)
        }
        try checkpoint("after the refund was begun")
        return try await overruled(by: refund, trace) + (try await advance(refund, for: message, trace: trace))
    }

    /// What a refund that nobody is asked about made superfluous.
    private func overruled(by refund: Refund, _ trace: String) async throws -> [Derived] {
        guard !refund.cause.needsDecision else { return [] }
        return try await store.overruled(of: refund.payment).map { .refundState($0, trace: trace) }
    }

    /// A decision about a refund that waits for it.
    func decide(_ decision: RefundDecision, for message: String, trace: String) async throws -> [Derived] {
        guard let refund = try await store.refund(decision.refund), refund.tenant == decision.tenant else {
            return try await refuse(decision, Refusal(code: .notFound, message: "There is no such refund."), message, trace)
        }
        if refund.operation == decision.operation { return try await advance(refund, for: message, trace: trace) }
        guard refund.status == .requested else {
            let refusal = Refusal(code: .invalidState, message: "The refund is \(refund.status.rawValue) already.")
            return try await refuse(decision, refusal, message, trace)
        }
        var next = refund.stepped(to: decision.isApproved ? .processing : .rejected, at: now())
        next.operation = decision.operation
        next.decidedBy = decision.user
        guard let saga = try await payments.read(refund.payment, for: message)?.saga else { return [] }
        let ending = decision.isApproved ? nil : Ending(next, saga.payment, message: message, trace: trace)
        guard try await store.write(next, ending: ending) else {
            throw Failure(.retry, label: "overtaken", message: "the refund was decided meanwhile")
        }
        try checkpoint("after the decision")
        return try await advance(next, for: message, trace: trace)
    }

    /// Ends an operation that came to nothing else.
    func refuse(_ operation: Operation, _ tenant: TenantID, _ message: String, _ trace: String) async throws -> [Derived] {
        let ending = Ending(refusing: operation, tenant: tenant, message: message, trace: trace)
        try await store.finish(ending)
        // Of each operation the first word stands.
        let stands = try await store.operation(operation.id) ?? operation
        let derived: [Derived] = [.operation(stands, tenant: tenant, trace: trace)]
        try await engine.show(derived)
        return derived
    }

    /// Goes on with a refund that an earlier delivery of its request began, and says again what became of the request.
    private func goOn(_ refund: Refund, _ command: RefundCommand, _ message: String, _ trace: String) async throws -> [Derived] {
        var derived = try await overruled(by: refund, trace) + (try await advance(refund, for: message, trace: trace))
        if let id = command.operation, id != refund.operation, let operation = try await store.operation(id) {
            try await engine.finish([operation])
            derived.append(.operation(operation, tenant: refund.tenant, trace: trace))
        }
        return derived
    }

    private func refuse(_ command: RefundCommand, _ refusal: Refusal, _ message: String, _ trace: String) async throws -> [Derived] {
        guard let id = command.operation else {
            logger.debug("no refund for a cancelled event", metadata: ["payment.id": "\(command.payment)", "outcome": "\(refusal.message)"])
            return []
        }
        let operation = Operation(id: id, user: command.user, type: "payment.refund", resource: "/api/v1/refunds/\(command.refund)")
        return try await refuse(operation.finished(error: (refusal.code, refusal.message)), command.tenant, message, trace)
    }

    private func refuse(_ decision: RefundDecision, _ refusal: Refusal, _ message: String, _ trace: String) async throws -> [Derived] {
        let operation = Operation(
            id: decision.operation, user: decision.user, type: decision.isApproved ? "refund.approve" : "refund.reject",
            resource: "/api/v1/refunds/\(decision.refund)")
        return try await refuse(operation.finished(error: (refusal.code, refusal.message)), decision.tenant, message, trace)
    }

    private func payment(of command: RefundCommand, _ message: String) async throws -> Payment {
        guard let saga = try await payments.read(command.payment, for: message)?.saga, saga.payment.booking == command.booking,
            saga.payment.user == command.user
        else { throw Refusal(code: .notFound, message: "There is no such payment.") }
        if saga.state == .paid {
            throw Failure(.retry, label: "payment_open", message: "the payment is being confirmed")
        }
        return saga.payment
    }

    /// Applies the rules (SPEC, section 3).
    /// - Throws: ``Refusal``
    private func judge(_ command: RefundCommand, _ message: String) async throws -> Refund {
        let payment = try await payment(of: command, message)
        guard payment.status == .success else {
            throw Refusal(code: .invalidState, message: "The payment is \(payment.status.rawValue).")
        }
        var standing: (status: BookingStatus, show: ShowID)?
        if let booking = try await engine.booking(command.booking) {
            standing = (booking.status, booking.show)
        } else {
            standing = try await store.reported(command.booking)
        }
        guard let standing else {
            throw Failure(.retry, label: "state_missing", message: "the booking is neither in Redis nor in PostgreSQL")
        }
        // The recovery that found its seats taken has ended the booking; the money is what is left of it.
        guard standing.status == (command.cause == .seatsTaken ? .refunded : .confirmed) else {
            throw Refusal(code: .invalidState, message: "The booking is \(standing.status.rawValue).")
        }
        if command.cause == .seatsTaken { return Refund(command, of: payment, percent: 100, now: now()) }
        if command.cause == .eventCancelled {
            return Refund(command, of: payment, percent: 100, compensation: try await store.compensation(of: payment.tenant), now: now())
        }
        guard let starts = try await store.showStarts(standing.show) else {
            throw Failure(.retry, label: "show_missing", message: "the booking's show is not in PostgreSQL")
        }
        let percent = RefundRules.percent(showStarts: starts, requestedAt: command.requestedAt)
        guard percent > 0 else {
            throw Refusal(code: .invalidState, message: "Less than 3 days before the show nothing is given back.")
        }
        return Refund(command, of: payment, percent: percent, now: now())
    }
}

extension Sequence<Derived> {
    /// The operation whose end is among them.
    var operation: Operation? {
        for case .operation(let operation, _, _) in self { return operation }
        return nil
    }
}
