import Domain
import HTTPTypes
import Hummingbird
import KafkaClient
import NIOCore
import PaymentGateway
import Synchronization
import Testing

@testable import Ingress

@Suite struct WebhookRouteTests {
    private static let now: Int64 = 1_800_000_000
    private static let secret = "a secret of the gateway"
    private let payment = PaymentID.make(nowMs: 1, shard: Shard(truncating: 7))
    private let booking = BookingID.make(nowMs: 1, shard: Shard(truncating: 7))

    /// Remembers what was sent, or refuses to take it.
    private final class Topic: Sendable {
        let records = Mutex<[KafkaRecord]>([])
        let isAway: Bool

        init(isAway: Bool = false) { self.isAway = isAway }

        func send(_ record: KafkaRecord) async throws {
            if isAway { throw APIError.unavailable() }
            records.withLock { $0.append(record) }
        }

        var sent: [KafkaRecord] { records.withLock { $0 } }
    }

    private func event(_ type: String = "payment_intent.succeeded", payment: String? = nil, booking: String? = nil) -> String {
        let metadata = #"{"payment_id":"\#(payment ?? self.payment.description)","booking_id":"\#(booking ?? self.booking.description)"}"#
        return #"{"id":"evt_1","type":"\#(type)","data":{"object":{"id":"pi_1","metadata":\#(metadata)}}}"#
    }

    private func post(
        _ body: String, to topic: Topic, secrets: [String] = [secret], signedWith key: String = secret, age: Int64 = 0, signature: String? = nil
    ) async throws -> WebhookRoute.Outcome {
        let route = WebhookRoute(secrets: secrets, now: { Self.now }, send: topic.send)
        var headers = HTTPFields()
        headers[.stripeSignature] = signature ?? WebhookSignature.header(body: Array(body.utf8), secret: key, nowSeconds: Self.now - age)
        let request = Request(
            head: HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/", headerFields: headers),
            body: .init(buffer: ByteBuffer(string: body)))
        return try await route.handle(request, trace: "")
    }

    private func refusal(_ body: () async throws -> WebhookRoute.Outcome) async throws -> WebhookRoute.Refusal? {
        do {
            _ = try await body()
            return nil
        } catch let refusal as WebhookRoute.Refusal {
            return refusal
        }
    }

    @Test func newsOfAPaymentIsSentUnderItsBooking() async throws {
        let topic = Topic()
        #expect(try await post(event(), to: topic) == .accepted)
        let record = try #require(topic.sent.first)
        #expect(record.topic == "payment.commands" && record.key == Array(booking.description.utf8))
        #expect(record.headers.text("ce_type") == "payment.webhook.v1" && record.headers.text("ce_subject") == booking.description)
        #expect(try AdvanceCommand(json: record.value ?? []) == AdvanceCommand(payment: payment, booking: booking))
    }

    @Test func copyOfAWebhookHasTheSameID() async throws {
        let topic = Topic()
        _ = try await post(event(), to: topic)
        _ = try await post(event(), to: topic, age: 20)
        #expect(topic.sent.count == 2 && Set(topic.sent.map { $0.headers.text("ce_id") }).count == 1)
    }

    @Test func everySecretOfARotationIsTaken() async throws {
        #expect(try await post(event(), to: Topic(), secrets: ["the new one", Self.secret]) == .accepted)
        let refused = try await refusal { try await post(event(), to: Topic(), secrets: ["the new one"]) }
        #expect(refused?.outcome == .badSignature && refused?.error.code == .validation)
    }

    @Test(arguments: [nil, "", "t=1,v1=00"] as [String?])
    func whatIsNotSignedIsRefused(_ signature: String?) async throws {
        let topic = Topic()
        let refused = try await refusal { try await post(event(), to: topic, signature: signature ?? "v1=") }
        #expect(refused?.outcome == .badSignature && refused?.error.details.map(\.field) == ["Stripe-Signature"])
        #expect(topic.sent.isEmpty)
    }

    @Test(arguments: [301, 86_400, -301])
    func oldSignatureIsRefused(_ age: Int64) async throws {
        #expect(try await refusal { try await post(event(), to: Topic(), age: age) }?.outcome == .badSignature)
    }

    @Test func withoutASecretTheGatewayComesAgain() async throws {
        let refused = try await refusal { try await post(event(), to: Topic(), secrets: []) }
        #expect(refused?.outcome == .unavailable && refused?.error.code == .serviceUnavailable && refused?.error.headers[.retryAfter] != nil)
    }

    @Test func withoutKafkaTheGatewayComesAgain() async throws {
        let refused = try await refusal { try await post(event(), to: Topic(isAway: true)) }
        #expect(refused?.outcome == .unavailable && refused?.error.code == .serviceUnavailable && refused?.error.headers[.retryAfter] != nil)
    }

    @Test(arguments: ["customer.created", "charge.succeeded", "payment_intent", ""])
    func otherKindsAreIgnored(_ type: String) async throws {
        let topic = Topic()
        #expect(try await post(event(type), to: topic) == .otherType)
        #expect(topic.sent.isEmpty)
    }

    @Test(arguments: ["payment_intent.processing", "refund.updated", "charge.refunded", "charge.refund.updated"])
    func kindsThatTellOfAPaymentAreTaken(_ type: String) async throws {
        #expect(try await post(event(type), to: Topic()) == .accepted)
    }

    @Test func paymentThatIsNotOursIsIgnored() async throws {
        let topic = Topic()
        let foreign = BookingID.make(nowMs: 1, shard: Shard(truncating: 8)).description
        let uuid4 = "471ecd7a-d329-481a-8f2a-40e2dcdf1c41"
        for body in [event(payment: "x"), event(booking: ""), event(booking: foreign), event(payment: uuid4), event(payment: uuid4, booking: uuid4)] {
            #expect(try await post(body, to: topic) == .notOurs)
        }
        #expect(topic.sent.isEmpty)
    }

    @Test(arguments: ["", "x", "[]", "{}", #"{"id":"evt_1"}"#, #"{"id":"","type":"refund.updated","data":{"object":{"id":"re_1"}}}"#])
    func whatIsNoEventIsRefused(_ body: String) async throws {
        let refused = try await refusal { try await post(body, to: Topic()) }
        #expect(refused?.outcome == .malformed && refused?.error.code == .validation && refused?.error.details.isEmpty == false)
    }

    @Test func bodyIsBounded() async throws {
        let refused = try await refusal { try await post(String(repeating: " ", count: JSONBody.largest + 1), to: Topic()) }
        #expect(refused?.error.code == .payloadTooLarge)
    }
}
