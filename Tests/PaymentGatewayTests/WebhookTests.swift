import Domain
import Foundation
import HTTPTestSupport
import PaymentGateway
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct WebhookTests {
    /// Made with openssl: `printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    private static let vector = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"
    private static let body = Array(#"{"id":"evt_1"}"#.utf8)

    private func verify(_ header: String, secrets: [String] = ["whsec_test"], now: Int64 = 1_700_000_000, body: [UInt8] = body) -> Bool {
        WebhookSignature.verify(header: header, body: body, secrets: secrets, nowSeconds: now)
    }

    @Test func signatureFitsTheVector() {
        let header = WebhookSignature.header(body: Self.body, secret: "whsec_test", nowSeconds: 1_700_000_000)
        #expect(header == "t=1700000000,v1=\(Self.vector)")
        #expect(verify(header))
        #expect(verify("t=1700000000, v0=00,v1=\(String(repeating: "0", count: 64)),v1=\(Self.vector)"))
        #expect(verify(header, secrets: ["", "whsec_new", "whsec_test"]))
        #expect(verify(header, now: 1_700_000_300))
        #expect(verify(header, now: 1_699_999_700))
    }

    @Test func everythingElseIsRefused() {
        let header = "t=1700000000,v1=\(Self.vector)"
        #expect(!verify(header, now: 1_700_000_301))
        #expect(!verify(header, now: 1_699_999_699))
        #expect(!verify(header, secrets: ["whsec_other"]))
        #expect(!verify(header, secrets: []))
        #expect(!verify(header, secrets: [""]))
        #expect(!verify(header, body: Self.body + [0x20]))
        #expect(!verify("t=1700000001,v1=\(Self.vector)"))
        for broken in [
            "", "t=1700000000", "v1=\(Self.vector)", "t=,v1=\(Self.vector)", "t=x,v1=\(Self.vector)", "t=1700000000,v0=\(Self.vector)",
            "t=1700000000,v1=\(Self.vector.dropLast(2))", "t=1700000000,v1=zz\(Self.vector.dropFirst(2))", "t=1700000000,v1=",
            "t=-9223372036854775808,v1=\(Self.vector)", String(repeating: "v1=00,", count: 1_000) + header,
        ] {
            #expect(!verify(broken), "\(broken.prefix(60))")
        }
    }

    @Test func eventsAreReadWithTheirObject() throws {
        let intent = #"{"id":"evt_1","type":"payment_intent.succeeded","created":5,"data":{"object":{"id":"pi_1","metadata":{"a":"b"}},"x":1}}"#
        let event = try WebhookEvent(json: Array(intent.utf8))
        #expect(
            event
                == WebhookEvent(
                    id: "evt_1", type: "payment_intent.succeeded", objectID: "pi_1", intentID: "pi_1", metadata: ["a": "b"], createdSeconds: 5))
        let refund = #"{"id":"evt_2","type":"refund.updated","data":{"object":{"id":"re_1","payment_intent":"pi_1"}}}"#
        let other = try WebhookEvent(json: Array(refund.utf8))
        #expect(other.objectID == "re_1")
        #expect(other.intentID == "pi_1")
        let balance = try WebhookEvent(json: Array(#"{"id":"evt_3","type":"balance.available","data":{"object":{}}}"#.utf8))
        #expect(balance.objectID.isEmpty)
        for broken in ["", "{}", #"{"id":"evt_1","type":"x"}"#, #"{"id":1}"#] {
            #expect(throws: JSONError.self) { try WebhookEvent(json: Array(broken.utf8)) }
        }
    }

    /// A receiver of webhooks: verified events and how many were not.
    private final class Receiver: Sendable {
        let server: ScriptedServer

        init(_ script: @escaping ScriptedServer.Script = { _, _ in [.answer(200)] }) throws {
            server = try ScriptedServer(script)
        }

        private func isGenuine(_ request: ReceivedRequest) -> Bool {
            WebhookSignature.verify(
                header: request.headers["stripe-signature"] ?? "", body: request.body, secrets: [SimulatorProcess.webhookSecret],
                nowSeconds: Int64(Date().timeIntervalSince1970))
        }

        var events: [WebhookEvent] { server.requests.filter(isGenuine).compactMap { try? WebhookEvent(json: $0.body) } }
        var forged: Int { server.requests.filter { !isGenuine($0) }.count }
    }

    private func pay(_ token: String, _ receiver: Receiver, method: String = "card", _ check: (PaymentGateway, Intent) async throws -> Void)
        async throws
    {
        let simulator = try await SimulatorProcess(webhooks: receiver.server)
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent(token, method: method)
            let confirmed = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
            try await check(gateway, confirmed)
        }
    }

    @Test(arguments: [
        ("pm_sim_bankSuccess", "bank_transfer", true), ("pm_sim_bankFailure", "bank_transfer", false), ("pm_sim_walletSuccess", "wallet", true),
        ("pm_card_visa", "wallet", true),
    ])
    func methodsThatTakeTheirTimeAreToldByWebhook(_ token: String, _ method: String, _ succeeds: Bool) async throws {
        let receiver = try Receiver()
        try await pay(token, receiver, method: method) { gateway, intent in
            #expect(intent.status == .processing)
            let type = succeeds ? "payment_intent.succeeded" : "payment_intent.payment_failed"
            try await eventually("the webhook is there") { receiver.events.contains { $0.type == type && $0.objectID == intent.id } }
            let read = try await gateway.intent(intent.id)
            #expect(read.status == (succeeds ? .succeeded : .requiresPaymentMethod))
            #expect(receiver.events.first?.metadata == ["booking_id": "b & c=ü"])
        }
    }

    @Test func bankTransferThatNeverArrivesCanBeCalledOff() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_bankNever", receiver, method: "bank_transfer") { gateway, intent in
            let canceled = try await gateway.cancelIntent(intent.id, idempotencyKey: "c")
            #expect(canceled.status == .canceled)
            try await eventually("the webhook is there") { receiver.events.contains { $0.type == "payment_intent.canceled" } }
        }
    }

    @Test func bankTransferThatIsLockedCannotBeCalledOff() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_bankLocked", receiver, method: "bank_transfer") { gateway, intent in
            let canceled = try await gateway.cancelIntent(intent.id, idempotencyKey: "c")
            #expect(canceled.status == .processing)
            try await eventually("it succeeds") { try await gateway.intent(intent.id).status == .succeeded }
        }
    }

    @Test func webhookThatComesTwiceHasOneId() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_webhookTwice", receiver) { _, _ in
            try await eventually("both are there") { receiver.events.count == 2 }
            #expect(Set(receiver.events.map(\.id)).count == 1)
        }
    }

    @Test func forgedWebhooksAreRecognised() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_webhookForgedSuccess", receiver) { gateway, intent in
            #expect(intent.status == .requiresPaymentMethod)
            try await eventually("both are there") { receiver.events.count == 1 && receiver.forged == 1 }
            #expect(receiver.events.first?.type == "payment_intent.payment_failed")
        }
    }

    @Test func lyingWebhookIsContradictedByTheRead() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_webhookLies", receiver) { gateway, intent in
            try await eventually("the lie is there") { receiver.events.contains { $0.type == "payment_intent.succeeded" } }
            let read = try await gateway.intent(intent.id)
            #expect(read.status == .requiresPaymentMethod)
            #expect(read.amountReceivedMinor == 0)
        }
    }

    @Test func staleWebhookComesAfterTheEnd() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_webhookOutOfOrder", receiver) { _, _ in
            try await eventually("both are there") { receiver.events.count == 2 }
            #expect(receiver.events.map(\.type) == ["payment_intent.succeeded", "payment_intent.processing"])
        }
    }

    @Test func webhookComesBeforeTheAnswer() async throws {
        let receiver = try Receiver()
        try await pay("pm_sim_webhookFirst", receiver) { _, intent in
            #expect(intent.status == .succeeded)
            #expect(receiver.events.count == 1)
        }
    }

    @Test func webhookThatIsNotTakenComesAgainAlsoAfterAKill() async throws {
        let isUp = Flag()
        let receiver = try Receiver { _, _ in isUp.isSet ? [.answer(200)] : [.answer(500)] }
        let simulator = try await SimulatorProcess(webhooks: receiver.server)
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent()
            _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
            try await eventually("it was tried twice") { receiver.events.count >= 2 }
            simulator.kill()
            isUp.set()
            let before = receiver.events.count
            try await simulator.start()
            try await eventually("it came again") { receiver.events.count > before }
            #expect(Set(receiver.events.map(\.id)).count == 1)
            try await eventually("it is done") {
                let health = try await withHTTP { try await $0.send(.init(url: simulator.url + "/health")) }
                return String(decoding: health.body, as: UTF8.self).contains("\"events\":0")
            }
        }
    }
}

/// Set once.
private final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
