import BookingEngine
import Domain
import Logging
import WorkerRuntime

extension PaymentHandler {
    /// Ends the operations of commands that nothing will go on with. What has rows goes on by the clock, so its operation stays open.
    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        for given in messages {
            // A command that cannot be read does not say whose it is.
            guard let command = try? PaymentMessage(given.message) else { continue }
            let delivery = Delivery(given.message)
            let trace = given.message.headers.text("traceparent") ?? ""
            switch command {
            case .charge(let command): try await gaveUp(command, delivery.id, trace)
            case .refund(let command):
                guard let id = command.operation, try await refunds.store.refund(command.refund) == nil else { continue }
                try await refuse(
                    Operation(id: id, user: command.user, type: "payment.refund", resource: "/api/v1/refunds/\(command.refund)"), command.tenant,
                    delivery.id, trace)
            case .decideRefund(let decision):
                guard try await refunds.store.refund(decision.refund)?.operation != decision.operation else { continue }
                try await refuse(
                    Operation(
                        id: decision.operation, user: decision.user, type: decision.isApproved ? "refund.approve" : "refund.reject",
                        resource: "/api/v1/refunds/\(decision.refund)"), decision.tenant, delivery.id, trace)
            case .refundEvent(let command):
                guard try await !cancellations.store.exists(command.event) else { continue }
                try await refuse(
                    Operation(id: command.operation, user: command.user, type: "event.cancel", resource: "/api/v1/events/\(command.event)"),
                    command.tenant, delivery.id, trace)
            // Their rows go on by the clock.
            case .advance, .webhook: continue
            }
        }
    }

    /// A charge whose saga could not even be begun: no money has moved, and the hold is freed for another payment.
    private func gaveUp(_ command: ChargeCommand, _ message: String, _ trace: String) async throws {
        guard try await store.read(command.payment.id, for: message) == nil else { return }
        let payment = command.payment.stepped(
            to: .failed, errorCode: "internal_error", errorMessage: "The payment could not be carried out; nothing was charged.",
            at: conductor.now())
        let outcome = try await conductor.engine.endPayments([.init(payment: payment, reason: nil, trace: trace)])[0].get()
        if case .ended(let entry, _, _) = outcome { conductor.publish([entry]) }
        guard let id = command.operation else { return }
        try await refuse(
            Operation(
                id: id, user: payment.user, type: BookingEngine.paymentOperationType, resource: BookingEngine.resource(of: payment.id)),
            payment.tenant, message, trace)
    }

    private func refuse(_ operation: Operation, _ tenant: TenantID, _ message: String, _ trace: String) async throws {
        let failed = operation.finished(error: (.internalError, "This could not be carried out; the resource shows its own state."))
        // Sent directly: nothing comes after the last word about a given up message.
        try await send(try await refunds.refuse(failed, tenant, message, trace).compactMap(\.record))
    }
}
