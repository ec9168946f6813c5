import BookingEngine
import Domain

/// Why a payment ended without a seat: the word that its row and event carry.
enum PaymentFault: Equatable, Sendable {
    /// The gateway said no; its own word and text where it gave them.
    case declined(code: String?, message: String?)
    /// It was not completed in time, and is called off.
    case timedOut
    /// It was called off at the gateway, by nobody here.
    case calledOff
    /// The hold had ended before money could move.
    case holdEnded(BookingStatus)
    /// Money came after the hold had ended, and was given back.
    case paidTooLate

    /// A word; the gateway's where it gave one.
    var code: String {
        switch self {
        case .declined(let code, _): code.map(Self.storable) ?? "declined"
        case .timedOut: "timeout"
        case .calledOff: "called_off"
        case .holdEnded: Self.holdEndedCode
        case .paidTooLate: Self.paidTooLateCode
        }
    }

    /// For people.
    var message: String {
        switch self {
        case .declined(_, let message): message.map(Self.storable) ?? "The payment was declined."
        case .timedOut: "The payment was not completed in time."
        case .calledOff: "The payment was called off at the gateway."
        case .holdEnded(let status): "The booking is \(status.rawValue) and not open for this payment; nothing was charged."
        case .paidTooLate: "The payment came after the reservation had ended; it was given back."
        }
    }

    /// What the payment becomes.
    var status: PaymentStatus {
        switch self {
        case .timedOut: .timeout
        case .paidTooLate: .refunded
        case .declined, .calledOff, .holdEnded: .failed
        }
    }

    /// A gateway's text without what PostgreSQL cannot hold, and no longer than anybody reads.
    private static func storable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.lazy.filter { $0.value != 0 }.prefix(500)))
    }

    private static let holdEndedCode = "hold_ended"
    private static let paidTooLateCode = "paid_too_late"

    /// The API's code for an operation that failed because a payment ended with `code`.
    static func apiCode(_ code: String?) -> ErrorCode {
        code == holdEndedCode || code == paidTooLateCode ? .reservationExpired : .paymentFailed
    }
}

extension Saga {
    /// The operation as it ended, where one waits; only of a saga that is final.
    var finishedOperation: Operation? {
        operation.map { id in
            Operation(id: id, user: payment.user, type: BookingEngine.paymentOperationType, resource: BookingEngine.resource(of: payment.id))
                .finished(
                    error: state == .confirmed ? nil : (PaymentFault.apiCode(payment.errorCode), payment.errorMessage ?? "The payment failed."))
        }
    }

    /// What a saga that is final has to tell; told again it is the same.
    var lastWords: [Derived] {
        [.payment(payment, trace: trace)] + (finishedOperation.map { [.operation($0, tenant: payment.tenant, trace: trace)] } ?? [])
    }
}
