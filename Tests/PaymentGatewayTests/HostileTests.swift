import HTTPTestSupport
import PaymentGateway
import Testing

/// Servers that are no gateway, or a bad one.
@Suite(.timeLimit(.minutes(1)))
struct HostileTests {
    private static let good =
        #"{"object":"payment_intent","id":"pi_1","status":"requires_confirmation","amount":1234,"currency":"thb","metadata":{}}"#

    private func confirm(_ configuration: GatewayConfiguration) async throws -> GatewayError {
        try await withGateway(configuration) { gateway in
            try await gatewayError { _ = try await gateway.confirmIntent("pi_1", paymentToken: nil, idempotencyKey: "k") }
        }
    }

    @Test(arguments: [
        "", "not json", "null", "[]", "{}", #"{"object":"payment_intent"}"#, #"{"object":"refund","id":"pi_1"}"#,
        good.replacing("1234", with: "\"1234\""), good.replacing("1234", with: "12.5"), good.replacing("1234", with: "1e3"),
        good.replacing("1234", with: "99999999999999999999"), good.replacing("1234", with: "-1"), good.replacing("\"thb\"", with: "null"),
        good.replacing("requires_confirmation", with: "paid"), good.replacing("\"pi_1\"", with: "1"), good.replacing("{}", with: "{\"a\":1}"),
        good.replacing("pi_1", with: "pi_2"), good + "x", String(repeating: "[", count: 100_000),
        good.replacing("{}", with: String(repeating: "{\"a\":", count: 1_000)),
    ])
    func answerOfAnotherShapeIsUnexpectedWithUnknownFate(_ body: String) async throws {
        let server = try ScriptedServer { _, _ in [.answer(200, body)] }
        let error = try await confirm(.forTests(server.url, key: "sk"))
        #expect(error.code == .unexpectedReply)
        #expect(error.isFateUnknown)
        #expect(error.disposition == .retry)
        #expect(server.requests.count == 1)
    }

    @Test func hugeAnswerIsUnexpected() async throws {
        let server = try ScriptedServer { _, _ in [.answer(200, String(repeating: " ", count: 2_000_000))] }
        var configuration = GatewayConfiguration.forTests(server.url, key: "sk")
        configuration.timeout = .seconds(5)
        let error = try await confirm(configuration)
        #expect(error.code == .unexpectedReply)
        #expect(error.isFateUnknown)
    }

    @Test func slowAnswerIsATimeoutAndNotRepeated() async throws {
        let server = try ScriptedServer { _, _ in [.wait(.milliseconds(900)), .answer(200, Self.good)] }
        let error = try await confirm(.forTests(server.url, key: "sk"))
        #expect(error.code == .timeout)
        #expect(error.isFateUnknown)
        #expect(server.requests.count == 1)
    }

    @Test func connectionClosedHalfWayIsRepeatedUnderTheSameKey() async throws {
        let server = try ScriptedServer { _, number in
            number < 3 ? [.raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"), .close] : [.answer(200, Self.good)]
        }
        try await withGateway(.forTests(server.url, key: "sk")) { gateway in
            let intent = try await gateway.confirmIntent("pi_1", paymentToken: nil, idempotencyKey: "k")
            #expect(intent.status == .requiresConfirmation)
        }
        #expect(server.requests.count == 3)
        #expect(server.requests.allSatisfy { $0.headers["idempotency-key"] == "k" })
    }

    /// The first try may have been taken: that the second was refused a connection does not make it certain.
    @Test func fateOfAnEarlierTryIsNotForgotten() async throws {
        let server = try ScriptedServer { _, _ in [.stopListening, .close] }
        let error = try await confirm(.forTests(server.url, key: "sk"))
        #expect(error.code == .connection)
        #expect(error.isFateUnknown)
    }

    @Test func refusedConnectionHasAKnownFate() async throws {
        let server = try ScriptedServer { _, _ in [] }
        server.stopListening()
        let error = try await confirm(.forTests(server.url, key: "sk"))
        #expect(error.code == .connection)
        #expect(!error.isFateUnknown)
        #expect(error.disposition == .outage)
    }

    @Test func retryAfterIsRespectedUpToTheLimit() async throws {
        let short = try ScriptedServer { _, number in number == 1 ? [.answer(429, headers: ["retry-after: 1"])] : [.answer(200, Self.good)] }
        let elapsed = try await ContinuousClock().measure {
            try await withGateway(.forTests(short.url, key: "sk")) { gateway in
                let intent = try await gateway.intent("pi_1")
                #expect(intent.id == "pi_1")
            }
        }
        #expect(elapsed >= .seconds(1))
        let long = try ScriptedServer { _, _ in [.answer(429, headers: ["retry-after: 30"])] }
        let error = try await confirm(.forTests(long.url, key: "sk"))
        #expect(error.code == .unavailable)
        #expect(error.retryAfter == .seconds(30))
        #expect(!error.isFateUnknown)
        #expect(long.requests.count == 1)
    }

    @Test func errorPageOfAnIntermediaryIsNoVerdict() async throws {
        for status in [400, 402, 404, 409] {
            let server = try ScriptedServer { _, _ in [.answer(status, "<html>proxy</html>")] }
            let error = try await confirm(.forTests(server.url, key: "sk"))
            #expect(error.code == .unexpectedReply)
            #expect(error.isFateUnknown)
        }
    }

    @Test func requestsHaveStripesForm() async throws {
        let server = try ScriptedServer { _, _ in [.answer(200, Self.good.replacing("{}", with: #"{"booking_id":"a&b"}"#))] }
        try await withGateway(.forTests(server.url, key: "sk_secret")) { gateway in
            _ = try await gateway.createIntent(
                amountMinor: 1_234, currency: "THB", method: "bank_transfer", paymentToken: "pm_x", metadata: ["booking_id": "a&b", "empty": ""],
                idempotencyKey: "key 1")
        }
        let request = try #require(server.requests.first)
        #expect(request.target == "/v1/payment_intents")
        #expect(request.headers["authorization"] == "Bearer sk_secret")
        #expect(request.headers["idempotency-key"] == "key 1")
        #expect(request.headers["stripe-version"] == "2025-03-31.basil")
        #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
        #expect(
            request.text
                == "amount=1234&currency=thb&confirm=false&payment_method_types[]=customer_balance&payment_method=pm_x&metadata[booking_id]=a%26b")
    }

    @Test func answerAboutAnotherPaymentIsNotTaken() async throws {
        let server = try ScriptedServer { _, _ in [.answer(200, Self.good)] }
        try await withGateway(.forTests(server.url, key: "sk")) { gateway in
            let error = try await gatewayError { _ = try await gateway.testIntent() }
            #expect(error.code == .unexpectedReply)
            #expect(error.isFateUnknown)
        }
    }

    @Test func configurationShowsNoSecret() {
        let configuration = GatewayConfiguration(baseURL: "https://api.example", secretKey: "sk_live_secret")
        var text = "\(configuration) \(String(reflecting: configuration))"
        dump(configuration, to: &text)
        #expect(!text.contains("secret"))
    }
}
