import ArgumentParser
import Glibc
import Logging
import ServiceLifecycle

/// `payment-simulator`: a payment gateway for laptops and tests, with Stripe's API of PaymentIntents and Refunds.
@main
struct App: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "payment-simulator",
        abstract: "A payment gateway for laptops and tests, with Stripe's API of PaymentIntents and Refunds. No money moves.",
        discussion: "Payment methods (the parameter payment_method):\n"
            + PaymentToken.all.map { "  \($0.name)\n      \($0.meaning)" }.joined(separator: "\n"))

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: Int

    @Option(help: "The folder that keeps the books; created when missing.")
    var data: String

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(name: .customLong("secret-key"), help: "The key that requests must carry, as a bearer token or as the user of basic authentication.")
    var secretKey = "sk_test_simulator"

    @Option(name: .customLong("webhook-url"), help: "Where events are posted to; none are when it is left out.")
    var webhookURL: String?

    @Option(name: .customLong("webhook-secret"), help: "What events are signed with.")
    var webhookSecret = "whsec_simulator"

    @Option(name: .customLong("webhook-retry-seconds"), help: "How long an event that is not taken (2xx) is posted again, with backoff.")
    var webhookRetrySeconds: Int64 = 600

    @Option(name: .customLong("latency-ms"), help: "Added to each answer of the API, in milliseconds.")
    var latencyMs: Int64 = 0

    @Option(name: .customLong("late-ms"), help: "How late 'late' is in the payment methods below, in milliseconds.")
    var lateMs: Int64 = 3_000

    @Option(name: .customLong("settle-ms"), help: "How long a bank transfer or a wallet takes, in milliseconds.")
    var settleMs: Int64 = 2_000

    @Option(
        help:
            "The fraction of requests that fail at random, 0 to 1: answered 429 or 500, late or never, or the connection closed; before or after the effect."
    )
    var chaos = 0.0

    @Option(help: "Makes the random failures repeatable.")
    var seed: UInt64?

    @Option(
        name: .customLong("log-level"), help: "Least level that is logged to standard error.",
        transform: { text throws(ValidationError) in
            guard let level = Logger.Level(rawValue: text) else { throw ValidationError("no log level: \(text)") }
            return level
        })
    var logLevel: Logger.Level = .info

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be 0 to 65535") }
        guard !data.isEmpty else { throw ValidationError("--data must name a folder") }
        guard (0...1).contains(chaos) else { throw ValidationError("--chaos must be 0 to 1") }
        for (name, value) in [("latency-ms", latencyMs), ("late-ms", lateMs), ("settle-ms", settleMs)] where !(0...3_600_000).contains(value) {
            throw ValidationError("--\(name) must be 0 to 3600000")
        }
        guard (0...604_800).contains(webhookRetrySeconds) else { throw ValidationError("--webhook-retry-seconds must be 0 to 604800") }
        guard !secretKey.isEmpty, !webhookSecret.isEmpty else { throw ValidationError("--secret-key and --webhook-secret must not be empty") }
        if let webhookURL, !webhookURL.hasPrefix("http://"), !webhookURL.hasPrefix("https://") {
            throw ValidationError("--webhook-url must begin with http:// or https://")
        }
    }

    func run() async throws {
        let configuration = SimulatorConfiguration(
            host: host, port: port, dataDirectory: data, secretKey: secretKey, webhookURL: webhookURL, webhookSecret: webhookSecret,
            webhookRetryMs: webhookRetrySeconds * 1_000, latencyMs: latencyMs, lateMs: lateMs, settleMs: settleMs, chaos: chaos,
            seed: seed ?? .random(in: 0...UInt64.max))
        var logger = Logger(label: "payment-simulator", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = logLevel
        let server = SimulatorServer(configuration: configuration, logger: logger) { line in
            write(STDOUT_FILENO, message: "payment-simulator " + line + "\n")
        }
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await services.run()
        } catch {
            write(STDERR_FILENO, message: "payment-simulator: \(error)\n")
            throw ExitCode.failure
        }
    }

    static func main() async {
        do {
            let command = try parse()
            try await command.run()
        } catch let code as ExitCode {
            Glibc.exit(code.rawValue)
        } catch {
            // ArgumentParser's own code for bad usage is 64; this program promises 1.
            let code = exitCode(for: error)
            write(code.isSuccess ? STDOUT_FILENO : STDERR_FILENO, message: fullMessage(for: error) + "\n")
            Glibc.exit(code.isSuccess ? 0 : 1)
        }
    }
}

private func write(_ descriptor: Int32, message: String) {
    _ = message.utf8.withContiguousStorageIfAvailable { Glibc.write(descriptor, $0.baseAddress, $0.count) } ?? 0
}
