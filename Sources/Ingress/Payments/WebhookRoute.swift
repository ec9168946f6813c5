import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import KafkaClient
import NIOCore
import PaymentGateway
import Telemetry

/// `POST /payments/webhook`: the gateway has news of a payment. It is believed only that there are news; the payment worker asks what they are.
///
/// Without a token and without a rate limit: the signature is what lets it in. The message is acknowledged before the answer, since a gateway that
/// was told 200 does not come again.
struct WebhookRoute: Sendable {
    /// Longest id of a gateway's event, in bytes.
    private static let longestID = 255
    /// The events that can mean a step of a payment or of its refund.
    private static let families = ["payment_intent.", "refund.", "charge.refund"]

    /// Newest first; any of them may have signed. Empty when there are none.
    let secrets: [String]
    /// Seconds since the Unix epoch.
    let now: @Sendable () -> Int64
    /// Sends a record and waits until Kafka has it.
    let send: @Sendable (KafkaRecord) async throws -> Void

    /// What became of a webhook; also the metric's label.
    enum Outcome: String {
        case accepted
        /// An event of a kind that says nothing of a payment.
        case otherType = "other_type"
        /// A payment that is not ours.
        case notOurs = "not_ours"
        case badSignature = "bad_signature"
        case malformed
        /// Kafka is away, or there is no secret to check a signature with; the gateway comes again.
        case unavailable
    }

    func receive(_ request: Request, _ context: IngressContext) async throws -> Response {
        do {
            let outcome = try await handle(request, trace: context.trace.headerText)
            count(outcome)
            return Answer.success { $0.object { $0.member("received", true) } }
        } catch let refusal as Refusal {
            count(refusal.outcome)
            throw refusal.error
        }
    }

    /// A webhook that is not taken.
    struct Refusal: Error {
        let outcome: Outcome
        let error: APIError
    }

    /// - Parameter trace: W3C traceparent, or empty.
    /// - Throws: ``Refusal``.
    func handle(_ request: Request, trace: String) async throws -> Outcome {
        guard !secrets.isEmpty else { throw Refusal(outcome: .unavailable, error: .unavailable("Webhooks are not set up here.")) }
        let body: [UInt8]
        do {
            if request.headers[.contentLength].flatMap(Int.init) ?? 0 > JSONBody.largest { throw NIOTooManyBytesError(maxBytes: JSONBody.largest) }
            body = Array(try await request.body.collect(upTo: JSONBody.largest).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw Refusal(outcome: .malformed, error: JSONBody.tooLarge)
        }
        guard let signature = request.headers[.stripeSignature],
            WebhookSignature.verify(header: signature, body: body, secrets: secrets, nowSeconds: now())
        else {
            let error = APIError(
                .validation, "The signature does not match the body, or is too old.", field: "Stripe-Signature", reason: "is not ours, or too old")
            throw Refusal(outcome: .badSignature, error: error)
        }
        let event: WebhookEvent
        do {
            event = try WebhookEvent(json: body)
        } catch {
            throw Refusal(outcome: .malformed, error: APIError(ValidationFailure(error)))
        }
        guard !event.id.isEmpty, event.id.utf8.count <= Self.longestID else {
            throw Refusal(
                outcome: .malformed,
                error: APIError(.validation, "The request is not valid.", field: "id", reason: "must be 1 to \(Self.longestID) bytes"))
        }
        guard Self.families.contains(where: event.type.hasPrefix) else { return .otherType }
        guard let payment = event.metadata["payment_id"].flatMap({ PaymentID($0) }), let shard = payment.shard,
            let booking = event.metadata["booking_id"].flatMap({ BookingID($0) }), booking.shard == shard
        else { return .notOurs }
        // The gateway's id makes ours: a webhook that comes twice is one message.
        let message = CloudEvent(
            type: .paymentWebhook, id: "\(payment)/gateway/\(event.id)", subject: booking.description, time: Timestamp(ms: now() * 1000),
            trace: trace, value: AdvanceCommand(payment: payment, booking: booking).json)
        do {
            try await send(message.record)
        } catch {
            throw Refusal(outcome: .unavailable, error: .unavailable("The webhook cannot be taken just now."))
        }
        return .accepted
    }

    private func count(_ outcome: Outcome) { MetricName.paymentWebhooks.counter(outcome.rawValue).increment() }
}
