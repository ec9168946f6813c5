import HTTPTestSupport
import Testing

@testable import PaymentGateway

@Suite(.timeLimit(.minutes(1)))
struct BreakerTests {
    private let start = ContinuousClock.now

    private func breaker() -> CircuitBreaker { CircuitBreaker(threshold: 3, minimum: .seconds(1), maximum: .seconds(3)) }

    private func fail(_ breaker: inout CircuitBreaker, at time: Duration) throws {
        let permit = try #require(breaker.request(now: start + time).permit)
        breaker.failed(permit, now: start + time)
    }

    @Test func opensAfterFailuresInARowAndProbesOnce() throws {
        var breaker = breaker()
        for _ in 0..<2 { try fail(&breaker, at: .zero) }
        let good = try #require(breaker.request(now: start).permit)
        breaker.succeeded(good)
        for _ in 0..<3 { try fail(&breaker, at: .zero) }
        #expect(!breaker.isClosed)
        #expect(breaker.request(now: start + .milliseconds(400)).permit == nil)
        #expect(breaker.request(now: start + .milliseconds(400)).wait == .milliseconds(600))
        let probe = try #require(breaker.request(now: start + .seconds(1)).permit)
        #expect(breaker.request(now: start + .seconds(1)).permit == nil)
        breaker.succeeded(probe)
        #expect(breaker.isClosed)
        #expect(breaker.request(now: start + .seconds(1)).permit != nil)
    }

    @Test func failedProbesWaitLongerUpToTheMaximum() throws {
        var breaker = breaker()
        for _ in 0..<3 { try fail(&breaker, at: .zero) }
        try fail(&breaker, at: .seconds(1))
        #expect(breaker.request(now: start + .seconds(1)).wait == .seconds(2))
        try fail(&breaker, at: .seconds(3))
        #expect(breaker.request(now: start + .seconds(3)).wait == .seconds(3))
        try fail(&breaker, at: .seconds(6))
        #expect(breaker.request(now: start + .seconds(6)).wait == .seconds(3))
    }

    @Test func oldNewsChangesNothing() throws {
        var breaker = breaker()
        let old = try #require(breaker.request(now: start).permit)
        for _ in 0..<3 { try fail(&breaker, at: .zero) }
        breaker.succeeded(old)
        #expect(!breaker.isClosed)
        let probe = try #require(breaker.request(now: start + .seconds(1)).permit)
        breaker.failed(old, now: start + .seconds(1))
        breaker.succeeded(probe)
        #expect(breaker.isClosed)
    }

    @Test func abandonedProbeIsGivenToTheNext() throws {
        var breaker = breaker()
        for _ in 0..<3 { try fail(&breaker, at: .zero) }
        let probe = try #require(breaker.request(now: start + .seconds(1)).permit)
        breaker.abandoned(probe, now: start + .seconds(1))
        #expect(breaker.request(now: start + .seconds(1)).permit != nil)
    }

    @Test func clientFailsAtOnceWhileTheGatewayIsAwayAndComesBack() async throws {
        let server = try ScriptedServer { _, number in
            number <= 4
                ? [.answer(503)]
                : [.answer(200, #"{"object":"payment_intent","id":"pi_1","status":"succeeded","amount":1,"currency":"thb"}"#)]
        }
        var configuration = GatewayConfiguration.forTests(server.url, key: "sk")
        configuration.maxAttempts = 1
        configuration.breakerThreshold = 3
        configuration.breakerMinimum = .milliseconds(100)
        try await withGateway(configuration) { gateway in
            for _ in 0..<3 {
                let error = try await gatewayError { _ = try await gateway.intent("pi_1") }
                #expect(error.code == .unavailable)
            }
            #expect(!gateway.isAvailable)
            let refused = try await gatewayError { _ = try await gateway.confirmIntent("pi_1", paymentToken: nil, idempotencyKey: "k") }
            #expect(refused.code == .unavailable)
            #expect(refused.disposition == .outage)
            #expect(!refused.isFateUnknown)
            #expect(refused.retryAfter != nil)
            #expect(server.requests.count == 3)
            try await eventually("the gateway is back") { (try? await gateway.intent("pi_1"))?.status == .succeeded }
            #expect(gateway.isAvailable)
        }
    }

    @Test func declinesAndRefusalsDoNotOpenIt() async throws {
        let server = try ScriptedServer { _, number in
            [.answer(number % 2 == 0 ? 404 : 400, #"{"error":{"type":"invalid_request_error","message":"no"}}"#)]
        }
        var configuration = GatewayConfiguration.forTests(server.url, key: "sk")
        configuration.breakerThreshold = 3
        try await withGateway(configuration) { gateway in
            for _ in 0..<10 { _ = try await gatewayError { _ = try await gateway.intent("pi_1") } }
            #expect(gateway.isAvailable)
        }
    }
}
