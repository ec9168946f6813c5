import BookingEngine
import Domain

/// How a payment looks in an answer.
enum PaymentBody {
    static func write(_ writer: inout JSONWriter, _ payment: Payment) {
        writer.object {
            $0.member("payment_id", payment.id)
            $0.member("booking_id", payment.booking)
            $0.member("method", payment.method.rawValue)
            $0.member("amount_minor", payment.amountMinor)
            $0.member("currency", payment.currency)
            $0.member("status", payment.status.rawValue)
            $0.member("version", payment.version)
            $0.member("refunded_minor", payment.refundedMinor)
            writeError(&$0, payment.errorCode, payment.errorMessage)
            $0.member("created_at", payment.createdAt.description)
            $0.member("updated_at", payment.updatedAt.description)
        }
    }

    /// Why something failed, where it did.
    static func writeError(_ writer: inout JSONWriter, _ code: String?, _ message: String?) {
        guard let code else { return }
        writer.key("error")
        writer.object {
            $0.member("code", code)
            $0.member("message", message ?? "")
        }
    }

    /// A booking's payment, as the booking's answers name it.
    static func writeReference(_ writer: inout JSONWriter, _ payment: PaymentID) {
        writer.member("payment_id", payment)
        writer.member("payment", BookingEngine.resource(of: payment))
    }
}

/// A payment that a client follows.
struct FollowedPayment: Followed {
    let payment: Payment

    var version: Int64 { payment.version }
    var isFinal: Bool { payment.status.isFinal }
    func write(_ writer: inout JSONWriter) { PaymentBody.write(&writer, payment) }
}

/// A refund as PostgreSQL has it.
struct RefundReport: Sendable {
    let id: RefundID
    let tenant: TenantID
    let payment: PaymentID
    let booking: BookingID
    let event: EventID
    let user: UserID
    let cause: String
    /// Of what was paid.
    let percent: Int64
    /// Minor units of ``currency``.
    let amountMinor: Int64
    /// ISO 4217.
    let currency: String
    let status: RefundStatus
    let version: Int64
    let errorCode: String?
    let errorMessage: String?
    let requestedAt: Timestamp
    let updatedAt: Timestamp

    /// How it looks in an answer.
    func write(_ writer: inout JSONWriter) {
        writer.object {
            $0.member("refund_id", id)
            $0.member("payment_id", payment)
            $0.member("booking_id", booking)
            $0.member("event_id", event)
            $0.member("user_id", user)
            $0.member("cause", cause)
            $0.member("percent", percent)
            $0.member("amount_minor", amountMinor)
            $0.member("currency", currency)
            $0.member("status", status.rawValue)
            $0.member("version", version)
            PaymentBody.writeError(&$0, errorCode, errorMessage)
            $0.member("requested_at", requestedAt.description)
            $0.member("updated_at", updatedAt.description)
        }
    }
}
