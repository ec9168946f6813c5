import BookingEngine
import Domain
import Foundation
import LocalStack
import Logging
import PaymentGateway
import Testing
import WorkerRuntime

@testable import PaymentWorker

/// The payment simulator as a process of its own, and a client for it that does not wait long.
struct TestSimulator: Sendable {
    let gateway: PaymentGateway

    /// Started once; its process ends with this one.
    static let shared = Task { try await TestSimulator() }

    private init() async throws {
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let started = URL(fileURLWithPath: CommandLine.arguments.first ?? "/").resolvingSymlinksInPath().deletingLastPathComponent()
        let candidates = [bundle, started].flatMap { place in
            sequence(first: place) { $0.deletingLastPathComponent() }.prefix(4).map(\.path)
        }
        let folder = try #require(
            candidates.first { FileManager.default.isExecutableFile(atPath: "\($0)/payment-simulator") }, "build payment-simulator first")
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("payment-simulator-\(UUID().uuidString)").path
        Self.folder = directory
        atexit {
            let folder = TestSimulator.folder
            if !folder.isEmpty { try? FileManager.default.removeItem(atPath: folder) }
        }
        var configuration = LocalStackConfiguration(directory: directory, binaries: folder)
        configuration.simulatorOptions = ["--settle-ms", "200", "--late-ms", "200"]
        let stack = try LocalStack(configuration)
        Self.stack = stack
        try await stack.startSimulator()
        var settings = GatewayConfiguration(baseURL: stack.endpoints.paymentGatewayURL, secretKey: stack.endpoints.paymentGatewayKey)
        settings.timeout = .milliseconds(400)
        // What fails on purpose here must not count against the others.
        settings.breakerThreshold = 0
        gateway = PaymentGateway(configuration: settings, logger: Logger(label: "test"))
        try gateway.start()
    }

    // Written once, before anybody reads them: `shared` is one task.
    nonisolated(unsafe) private static var folder = ""
    nonisolated(unsafe) private static var stack: LocalStack?
}

extension PaymentTests {
    @Suite struct AgainstTheSimulator {
        /// Longest time that a payment of these may take to rest for good.
        private static let patience: Duration = .seconds(10)

        /// Delivers a charge, and then what the clock would send, until the saga is final.
        private func finish(_ order: BoxOffice.Order, _ office: BoxOffice) async throws -> Saga {
            _ = try? await office.deliver(order.charge)
            let deadline = ContinuousClock.now + Self.patience
            while ContinuousClock.now < deadline {
                let saga = try await office.saga(order.payment)
                if saga.state.isFinal { return saga }
                _ = try? await office.deliver(office.webhook(order))
                try await Task.sleep(for: .milliseconds(20))
            }
            return try await office.saga(order.payment)
        }

        @Test(arguments: [
            "pm_card_visa", "pm_sim_timeoutTaken", "pm_sim_timeoutOnce", "pm_sim_timeoutTakenLate", "pm_sim_late", "pm_sim_500Once",
            "pm_sim_500Taken", "pm_sim_closedTaken", "pm_sim_twice", "pm_sim_bankSuccess",
        ]) func isCapturedOnceAndConfirmed(token: String) async throws {
            let gateway = try await TestSimulator.shared.value.gateway
            let office = try await BoxOffice(gateway: gateway)
            let order = try await office.order(method: token.contains("bank") ? .bankTransfer : .card, named: token)
            let saga = try await finish(order, office)
            #expect(saga.state == .confirmed)
            #expect(saga.capturedMinor == 1500)
            let intent = try await gateway.intent(try #require(saga.intent))
            #expect(intent.status == .succeeded && intent.amountReceivedMinor == 1500)
            #expect(try await office.booking(order).status == .confirmed)
            #expect(try await office.operation(order.operation)?.status == .succeeded)
        }

        @Test(arguments: ["pm_card_chargeDeclinedInsufficientFunds", "pm_sim_bankFailure", "pm_sim_webhookLies"])
        func isDeclinedAndCalledOff(token: String) async throws {
            let gateway = try await TestSimulator.shared.value.gateway
            let office = try await BoxOffice(gateway: gateway)
            let order = try await office.order(method: token.contains("bank") ? .bankTransfer : .card, named: token)
            let saga = try await finish(order, office)
            #expect(saga.state == .failed && saga.payment.status == .failed)
            #expect(try await gateway.intent(try #require(saga.intent)).status == .canceled)
            #expect(try await office.booking(order).status == .reserved)
            #expect(try await office.booking(order).declines == 1)
        }

        @Test func whatNeverCompletesIsCalledOff() async throws {
            let gateway = try await TestSimulator.shared.value.gateway
            let office = try await BoxOffice(gateway: gateway)
            let order = try await office.order(method: .wallet, named: "pm_sim_bankNever")
            try await office.deliver(order.charge)
            office.advance(by: .seconds(301))
            let saga = try await finish(order, office)
            #expect(saga.state == .failed && saga.payment.status == .timeout)
            #expect(try await gateway.intent(try #require(saga.intent)).status == .canceled)
        }

        @Test(arguments: ["pm_card_visa", "pm_sim_refundLater"]) func isRefundedOnce(token: String) async throws {
            let gateway = try await TestSimulator.shared.value.gateway
            let office = try await BoxOffice(gateway: gateway)
            let order = try await office.order(named: token)
            let saga = try await finish(order, office)
            let command = office.refundCommand(order)
            try await office.deliver(office.record(command))
            let decision = office.decision(command, isApproved: true)
            let deadline = ContinuousClock.now + Self.patience
            while try await office.refund(command.refund)?.status != .succeeded, ContinuousClock.now < deadline {
                try await office.deliver(office.record(decision))
                try await Task.sleep(for: .milliseconds(20))
            }
            let refunds = try await gateway.refunds(intent: try #require(saga.intent))
            #expect(refunds.map(\.amountMinor) == [1500])
            #expect(try await office.saga(order.payment).payment.status == .refunded)
            #expect(try await office.booking(order).status == .refunded)
            #expect(try await office.counts().available == 100)
        }

        @Test func lateMoneyGoesBackThoughTheGatewayTakesItsTime() async throws {
            let gateway = try await TestSimulator.shared.value.gateway
            let office = try await BoxOffice(gateway: gateway)
            let order = try await office.order(method: .wallet, named: "pm_sim_walletSuccess")
            try await office.deliver(order.charge)
            try await office.expire(order.booking)
            let saga = try await finish(order, office)
            #expect(saga.state == .failed && saga.payment.status == .refunded)
            #expect(try await gateway.refunds(intent: try #require(saga.intent)).map(\.amountMinor) == [1500])
            #expect(try await office.booking(order).reason == .paidTooLate)
        }
    }
}
