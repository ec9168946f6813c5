import Domain
import KafkaClient
import WorkerRuntime

/// What a message on `payment.commands` asks for.
enum PaymentMessage: Sendable {
    case charge(ChargeCommand)
    /// A payment whose time has come.
    case advance(AdvanceCommand)
    /// The gateway has news of a payment; what they are is read there.
    case webhook(AdvanceCommand)
    case refund(RefundCommand)
    case decideRefund(RefundDecision)
    case refundEvent(EventCancellation)

    /// Reads a message.
    /// - Throws: ``Failure`` or `JSONError`; such a message can never succeed.
    init(_ message: KafkaMessage) throws {
        guard let value = message.value else { throw Failure(.deadLetter, label: "undecodable", message: "the message has no value") }
        switch message.headers.text("ce_type").flatMap(MessageType.init(rawValue:)) {
        case .paymentCharge: self = .charge(try ChargeCommand(json: value))
        case .paymentAdvance: self = .advance(try AdvanceCommand(json: value))
        case .paymentWebhook: self = .webhook(try AdvanceCommand(json: value))
        case .paymentRefund: self = .refund(try RefundCommand(json: value))
        case .paymentDecideRefund: self = .decideRefund(try RefundDecision(json: value))
        case .paymentRefundEvent: self = .refundEvent(try EventCancellation(json: value))
        default: throw Failure(.deadLetter, label: "unknown_type", message: "the message's type is not known here")
        }
    }
}
