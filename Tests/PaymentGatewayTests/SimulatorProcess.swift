import CurlClient
import Domain
import Foundation
import HTTPTestSupport
import Logging
import PaymentGateway
import Synchronization

/// A payment-simulator of this test's own: free port, folder of its own, ended by its process id.
final class SimulatorProcess: Sendable {
    static let webhookSecret = "whsec_test"

    let port: Int
    let folder: String
    private let arguments: [String]
    private let process = Mutex<Process?>(nil)

    /// Starts it and waits until it answers.
    init(_ arguments: [String] = [], webhooks: ScriptedServer? = nil) async throws {
        port = try Self.freePort()
        folder = NSTemporaryDirectory() + "simulator-test-\(UUID().uuidString)"
        var all = ["--port", "\(port)", "--data", folder, "--settle-ms", "150", "--late-ms", "700", "--log-level", "error"] + arguments
        if let webhooks { all += ["--webhook-url", webhooks.url + "/hook", "--webhook-secret", Self.webhookSecret] }
        self.arguments = all
        try await start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Where the simulator's binary is: beside the tests.
    static var binary: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("payment-simulator")
    }

    func start() async throws {
        let process = Process()
        process.executableURL = Self.binary
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
        try await eventually("the simulator answers") {
            guard process.isRunning else { throw ServerFailure(text: "the simulator ended") }
            return (try? await withHTTP { try await $0.send(HTTPRequest(url: self.url + "/health")).status }) == 200
        }
    }

    /// kill -9, and waits for the end.
    func kill() { end(SIGKILL) }

    /// Ends it as an operator would; returns its exit code.
    @discardableResult
    func stop() -> Int32 { end(SIGTERM) }

    @discardableResult
    private func end(_ signal: Int32) -> Int32 {
        guard let process = process.withLock({ $0.take() }) else { return 0 }
        Foundation.kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return process.terminationStatus
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// A configuration with short limits.
    var configuration: GatewayConfiguration { .forTests(url, key: "sk_test_simulator") }

    /// One line of the books.
    struct Line: Decodable {
        let object: String
        let id: String
        let status: String
        let currency: String
        let amount_minor: Int64
        let captured_minor: Int64?
        let refunded_minor: Int64?
        let captures: Int?
        let refused_captures: Int?
        let confirmations: Int?
        let payment_intent: String?
        let metadata: [String: String]
    }

    /// All intents and refunds.
    func books() async throws -> [Line] {
        let response = try await withHTTP { [url] in try await $0.send(HTTPRequest(url: url + "/simulator/books")) }
        return try response.body.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Line.self, from: Data($0)) }
    }

    /// An intent's line.
    func line(_ id: String) async throws -> Line {
        guard let line = try await books().first(where: { $0.id == id }) else { throw ServerFailure(text: "not in the books: \(id)") }
        return line
    }

    static func freePort() throws -> Int {
        let server = try ScriptedServer { _, _ in [] }
        server.stopListening()
        return server.port
    }
}

extension GatewayConfiguration {
    /// Short limits, no circuit breaker.
    static func forTests(_ url: String, key: String) -> GatewayConfiguration {
        GatewayConfiguration(
            baseURL: url, secretKey: key, timeout: .milliseconds(500), backoffMinimum: .milliseconds(10), backoffMaximum: .milliseconds(1_500),
            breakerThreshold: 0)
    }
}

/// A started plain client, ended afterwards.
func withHTTP<Result>(_ body: (CurlClient) async throws -> Result) async throws -> Result {
    let client = CurlClient(configuration: CurlConfiguration(timeout: .seconds(5), maxResponseBytes: 64 * 1024 * 1024))
    try client.start()
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// A started gateway client, ended afterwards.
@discardableResult
func withGateway<Result>(_ configuration: GatewayConfiguration, _ body: (PaymentGateway) async throws -> Result) async throws -> Result {
    let gateway = PaymentGateway(configuration: configuration, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    try gateway.start()
    do {
        let result = try await body(gateway)
        await gateway.shutdown()
        return result
    } catch {
        await gateway.shutdown()
        throw error
    }
}

extension PaymentGateway {
    /// An unconfirmed intent over 12.34 with a payment method.
    func testIntent(_ token: String = "pm_card_visa", method: String = "card", amountMinor: Int64 = 1_234) async throws -> Intent {
        try await createIntent(
            amountMinor: amountMinor, currency: "THB", method: method, paymentToken: token, metadata: ["booking_id": "b & c=ü"],
            idempotencyKey: UUID().uuidString)
    }
}

/// The error that a call ends with.
func gatewayError(_ body: () async throws -> Void) async throws -> GatewayError {
    do {
        try await body()
    } catch let error as GatewayError {
        return error
    }
    throw ServerFailure(text: "no error")
}
