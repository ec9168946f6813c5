import Foundation
import HTTPTestSupport
import PaymentGateway
import Testing

/// What the client says, and what the books say, when answers do not come or come wrongly.
@Suite(.timeLimit(.minutes(1)))
struct FateTests {
    @Test func timeoutIsNoAnswerAndTheReadTellsThatTheMoneyWasTaken() async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent("pm_sim_timeoutTaken")
            let error = try await gatewayError { _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k") }
            #expect(error.code == .timeout)
            #expect(error.isFateUnknown)
            #expect(error.disposition == .retry)
            let read = try await gateway.intent(intent.id)
            #expect(read.status == .succeeded)
            // The same key tells it too, without taking anything again.
            let again = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
            #expect(again.status == .succeeded)
            let line = try await simulator.line(intent.id)
            #expect(line.captures == 1)
            #expect(line.captured_minor == 1_234)
        }
    }

    @Test func timeoutWithoutMoneyCanBeCalledOff() async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent("pm_sim_timeoutNotTaken")
            let error = try await gatewayError { _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k") }
            #expect(error.isFateUnknown)
            let read = try await gateway.intent(intent.id)
            #expect(read.status == .requiresConfirmation)
            let canceled = try await gateway.cancelIntent(intent.id, idempotencyKey: "c")
            #expect(canceled.status == .canceled)
        }
    }

    @Test(arguments: ["pm_sim_timeoutOnce", "pm_sim_timeoutTakenLate", "pm_sim_500Once", "pm_sim_closedTaken", "pm_sim_late", "pm_sim_twice"])
    func repeatedConfirmationUnderOneKeyTakesTheMoneyOnce(_ token: String) async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent(token)
            try await eventually("\(token) is paid") {
                do {
                    let confirmed = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
                    return confirmed.status == .succeeded
                } catch let error as GatewayError {
                    #expect([.timeout, .inProgress, .unavailable, .connection].contains(error.code), "\(error)")
                    return false
                }
            }
            let line = try await simulator.line(intent.id)
            #expect(line.captures == 1)
            #expect(line.captured_minor == 1_234)
            #expect(line.refused_captures == (token == "pm_sim_twice" ? 1 : 0))
            // The connection that was answered twice gives no other call a wrong answer.
            for _ in 0..<5 {
                let other = try await gateway.testIntent()
                let read = try await gateway.intent(other.id)
                #expect(read.status == .requiresConfirmation)
            }
        }
    }

    @Test func fiveHundredAfterTheEffectIsReadNotBelieved() async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent("pm_sim_500Taken")
            let error = try await gatewayError { _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k") }
            #expect(error.code == .unavailable)
            #expect(error.isFateUnknown)
            let read = try await gateway.intent(intent.id)
            #expect(read.status == .succeeded)
            let line = try await simulator.line(intent.id)
            #expect(line.captures == 1)
        }
    }

    @Test func lockedIntentIsInProgressAndNotCalledOff() async throws {
        let simulator = try await SimulatorProcess()
        var configuration = simulator.configuration
        configuration.maxAttempts = 1
        try await withGateway(configuration) { gateway in
            let intent = try await gateway.testIntent("pm_sim_timeoutTakenLate")
            let confirming = Task { try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k") }
            try await eventually("the key is in use") {
                let error = try? await gatewayError { _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k") }
                return error?.code == .inProgress
            }
            let error = try await gatewayError { _ = try await gateway.cancelIntent(intent.id, idempotencyKey: "c") }
            #expect(error.code == .inProgress)
            #expect(!error.isFateUnknown)
            _ = await confirming.result
            try await eventually("the money is taken") { try await gateway.intent(intent.id).status == .succeeded }
        }
    }

    @Test func fiftyConfirmationsAtOnceUnderOneKeyTakeTheMoneyOnce() async throws {
        let simulator = try await SimulatorProcess()
        var configuration = simulator.configuration
        configuration.maxAttempts = 10
        configuration.timeout = .seconds(5)
        try await withGateway(configuration) { gateway in
            let intent = try await gateway.testIntent("pm_sim_twice")
            try await withThrowingTaskGroup(of: Intent.self) { group in
                for _ in 0..<50 {
                    group.addTask { try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "one") }
                }
                for try await confirmed in group { #expect(confirmed.status == .succeeded) }
            }
            let line = try await simulator.line(intent.id)
            #expect(line.captures == 1)
            #expect(line.confirmations == 1)
            // Fifty keys, one intent: still once.
            let other = try await gateway.testIntent()
            try await withThrowingTaskGroup(of: Intent.self) { group in
                for number in 0..<50 {
                    group.addTask { try await gateway.confirmIntent(other.id, paymentToken: nil, idempotencyKey: "other \(number)") }
                }
                for try await confirmed in group { #expect(confirmed.status == .succeeded) }
            }
            let otherLine = try await simulator.line(other.id)
            #expect(otherLine.captures == 1)
        }
    }

    @Test func keyWithOtherParametersIsRefused() async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            func create(_ amount: Int64) async throws -> Intent {
                try await gateway.createIntent(
                    amountMinor: amount, currency: "THB", method: "card", paymentToken: nil, metadata: [:], idempotencyKey: "same")
            }
            let first = try await create(100)
            let second = try await create(100)
            #expect(first == second)
            let error = try await gatewayError { _ = try await create(200) }
            #expect(error.code == .keyReused)
            #expect(error.disposition == .deadLetter)
        }
    }

    @Test func refundsNeverExceedWhatWasTakenAndAreMadeOnce() async throws {
        let simulator = try await SimulatorProcess()
        var configuration = simulator.configuration
        configuration.maxAttempts = 10
        configuration.timeout = .seconds(5)
        try await withGateway(configuration) { gateway in
            let intent = try await gateway.testIntent(amountMinor: 1_000)
            _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
            try await withThrowingTaskGroup(of: GatewayRefund.self) { group in
                for _ in 0..<20 {
                    group.addTask { try await gateway.refund(intent: intent.id, amountMinor: 600, metadata: [:], idempotencyKey: "r") }
                }
                var ids: Set<String> = []
                for try await refund in group { ids.insert(refund.id) }
                #expect(ids.count == 1)
            }
            let error = try await gatewayError {
                _ = try await gateway.refund(intent: intent.id, amountMinor: 401, metadata: [:], idempotencyKey: "r2")
            }
            #expect(error.code == .invalidRequest)
            _ = try await gateway.refund(intent: intent.id, amountMinor: 400, metadata: [:], idempotencyKey: "r3")
            let refunds = try await gateway.refunds(intent: intent.id)
            #expect(refunds.map(\.amountMinor) == [400, 600])
            let line = try await simulator.line(intent.id)
            #expect(line.refunded_minor == 1_000)
        }
    }

    @Test func refundThatFailsLaterGivesTheMoneyFreeAgain() async throws {
        let simulator = try await SimulatorProcess()
        try await withGateway(simulator.configuration) { gateway in
            let intent = try await gateway.testIntent("pm_sim_refundFails", amountMinor: 1_000)
            _ = try await gateway.confirmIntent(intent.id, paymentToken: nil, idempotencyKey: "k")
            let refund = try await gateway.refund(intent: intent.id, amountMinor: 1_000, metadata: [:], idempotencyKey: "r")
            #expect(refund.status == .pending)
            try await eventually("it failed") { try await gateway.refunds(intent: intent.id).first?.status == .failed }
            let line = try await simulator.line(intent.id)
            #expect(line.refunded_minor == 0)
        }
    }
}
