import BookingEngine
import Domain
import WorkerRuntime

/// How a payment's hold stands, as far as the payment is concerned.
enum HoldView: Equatable, Sendable {
    /// It is held for this payment.
    case ours(due: Timestamp)
    /// It was sold to this payment: these rows are behind.
    case sold
    /// It was read in a state in which this payment cannot have it.
    case gone(BookingStatus)
}

extension SagaConductor {
    /// Reads the hold.
    /// - Throws: an outage when neither Redis has it nor PostgreSQL a final state: nothing is decided on what is missing.
    func hold(of payment: Payment) async throws -> HoldView {
        guard let booking = try await engine.booking(payment.booking) else {
            return .gone(try await reportedEnd(of: payment.booking))
        }
        guard booking.payment == payment.id else { return .gone(booking.status) }
        switch (booking.status, booking.paymentState) {
        case (.reserved, .open): return .ours(due: booking.expiresAt)
        case (.confirmed, .success): return .sold
        default: return .gone(booking.status)
        }
    }

    /// The final state that PostgreSQL reports of a booking that Redis does not have.
    func reportedEnd(of booking: BookingID) async throws -> BookingStatus {
        guard let status = try await store.reportedStatus(of: booking), status.isFinal else {
            throw Failure(.outage, label: "state_missing", message: "the booking is neither in Redis nor final in PostgreSQL")
        }
        return status
    }

    /// Ends a payment without a seat, in Redis first: the hold is free for another payment, or, after the last decline, given back.
    /// - Returns: the saga after that, to be written.
    func end(_ saga: Saga, _ event: SagaEvent, _ fault: PaymentFault) async throws -> Saga {
        let refunded = fault == .paidTooLate ? saga.capturedMinor : saga.payment.refundedMinor
        var payment = saga.payment.stepped(
            to: fault.status, errorCode: fault.code, errorMessage: fault.message, refundedMinor: refunded, at: now())
        let reason: BookingReason? = fault == .paidTooLate ? .paidTooLate : nil
        let outcome = try await engine.endPayments([.init(payment: payment, reason: reason, trace: saga.trace)])[0].get()
        try checkpoint("after end_payment")
        switch outcome {
        case .ended(let entry, let declines, let status):
            publish([entry])
            try await releaseIfLast(saga, declines, status)
        case .endedBefore(let declines, let status):
            try await releaseIfLast(saga, declines, status)
            // The first word stands: a run before this one may have ended it in another way and died before its rows said so.
            if fault != .paidTooLate, let first = try await engine.payment(payment.id)?.payment, first.status == .failed || first.status == .timeout {
                payment.status = first.status
                payment.errorCode = first.errorCode
                payment.errorMessage = first.errorMessage
            }
        case .otherPayment: break
        case .missing: _ = try await reportedEnd(of: payment.booking)
        }
        return try saga.after(event, payment: payment)
    }

    /// Gives the hold back after the last decline that is allowed.
    private func releaseIfLast(_ saga: Saga, _ declines: Int64, _ status: BookingStatus) async throws {
        guard status == .reserved, declines >= BookingEngine.maximumDeclines, let shard = saga.payment.booking.shard else { return }
        let outcome = try await engine.release([
            .init(
                booking: saga.payment.booking, shard: shard, status: .cancelled, by: saga.payment.id.description, reason: .paymentFailed,
                trace: saga.trace)
        ])[0].get()
        if case .released(let entry) = outcome { publish([entry]) }
        try checkpoint("after the last decline's release")
    }
}
