import BookingEngine
import Domain
import KafkaClient
import WorkerRuntime

/// A message that follows from what was written, with what those read from Redis who are woken by it.
enum Derived: Equatable, Sendable {
    /// A payment's state.
    case payment(Payment, trace: String)
    /// An operation's end.
    case operation(Operation, tenant: TenantID, trace: String)
    /// A refund to be made for a cancelled event.
    case refund(RefundCommand, trace: String)
    /// A refund's state.
    case refundState(Refund, trace: String)
    /// How far a cancelled event is given back.
    case cancelledEvent(CancelledEvent, trace: String)

    /// The record; its id follows from what it tells, so that a second copy is recognised.
    var record: KafkaRecord? {
        switch self {
        case .payment(let payment, let trace):
            guard let type = payment.messageType else { return nil }
            return Self.record(
                type, id: "\(payment.id)/\(payment.version)", key: payment.booking.description, time: payment.updatedAt, trace, payment.json)
        case .operation(let operation, let tenant, let trace):
            return Self.record(
                .operationFinished, id: "\(operation.id)/\(operation.version)", key: operation.id.description, time: .now, trace,
                operation.eventJSON(tenant: tenant))
        case .refund(let command, let trace):
            return Self.record(
                .paymentRefund, id: "\(command.refund)/\(command.cause.rawValue)", key: command.booking.description, time: command.requestedAt, trace,
                command.json)
        case .refundState(let refund, let trace):
            return Self.record(
                .refundUpdated, id: "\(refund.id)/\(refund.version)", key: refund.booking.description, time: refund.updatedAt, trace, refund.json)
        case .cancelledEvent(let event, let trace):
            return Self.record(
                .eventCancelled, id: "\(event.cancellation.event)/\(event.updatedAt.ms)", key: event.cancellation.event.description,
                time: event.updatedAt, trace, event.json)
        }
    }

    private static func record(
        _ type: MessageType, id: String, key: String, time: Timestamp, _ trace: String, _ value: [UInt8]
    ) -> KafkaRecord {
        CloudEvent(type: type, id: "\(id)/\(type.rawValue)", subject: key, time: time, trace: trace, value: value).record
    }
}

extension Sequence<Derived> {
    /// As the runtime sends them and the inbox keeps them.
    var messages: [OutgoingMessage] { compactMap(\.record).map { OutgoingMessage($0) } }
}

extension BookingEngine {
    /// Shows in Redis what messages are about to tell, so that whoever they wake finds it. Twice changes nothing.
    func show(_ derived: [Derived]) async throws(EngineError) {
        var payments: [Payment] = []
        var operations: [Operation] = []
        for one in derived {
            switch one {
            case .payment(let payment, _): payments.append(payment)
            case .operation(let operation, _, _): operations.append(operation)
            // Redis shows none of them.
            case .refund, .refundState, .cancelledEvent: break
            }
        }
        if !payments.isEmpty { try await put(payments) }
        if !operations.isEmpty { try await finish(operations) }
    }
}
