import Foundation
import HTTPTestSupport
import PaymentGateway
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GatewayConformanceTests {
    @Test func simulatorBehavesAsAGatewayDoes() async throws {
        let simulator = try await SimulatorProcess()
        try await GatewaySuite.run(simulator.configuration, .init(succeeds: "pm_card_visa", declined: "pm_card_chargeDeclined"))
    }

    /// localstripe is somebody else's; it keeps no idempotency keys.
    @Test(.enabled(if: LocalStripe.isHere, "no localstripe: ops/test installs it from PyPI and names its Python in LOCALSTRIPE_PYTHON"))
    func localstripeBehavesAsAGatewayDoes() async throws {
        let server = try await LocalStripe()
        try await GatewaySuite.run(
            .forTests(server.url, key: "sk_test_localstripe"), .init(succeeds: "pm_card_visa", declined: "pm_card_chargeCustomerFail"))
    }
}

/// A localstripe of this test's own, on the loopback address, keeping nothing.
final class LocalStripe: Sendable {
    private let process: Process
    private let port: Int

    private static let python = ProcessInfo.processInfo.environment["LOCALSTRIPE_PYTHON"] ?? "unavailable"

    /// Whether a Python with localstripe is named.
    static let isHere = python != "unavailable" && FileManager.default.isExecutableFile(atPath: python)

    /// Its own main listens on all addresses and writes to a file that all users share.
    private static let main = """
        import sys
        from aiohttp import web
        from localstripe import server
        server.store.dump_to_disk = lambda *_: None
        web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
        """

    init() async throws {
        let port = try SimulatorProcess.freePort()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.python)
        process.arguments = ["-c", Self.main, "\(port)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        self.port = port
        try await eventually("localstripe answers", limit: .seconds(30)) {
            guard process.isRunning else { throw ServerFailure(text: "localstripe ended") }
            return (try? await withHTTP { [url] in try await $0.send(.init(url: url + "/v1/refunds")).status }) != nil
        }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var url: String { "http://127.0.0.1:\(port)" }
}
