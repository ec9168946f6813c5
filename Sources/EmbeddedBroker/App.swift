import ArgumentParser
import Glibc
import Logging
import ServiceLifecycle

/// `embedded-broker`: a single-node broker that speaks Kafka's wire protocol.
@main
struct App: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embedded-broker",
        abstract: "A single-node broker that speaks Kafka's wire protocol, for laptops, tests and one small host.")

    @Option(help: "The folder that keeps records and state; created when missing.")
    var data: String

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: Int

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Where clients are told to connect, as HOST:PORT. [default: the address listened on]")
    var advertise: HostPort?

    @Option(help: "When an answer says that records are stored: always (after fsync), interval=MS, or none.")
    var sync: SyncPolicy = .interval(ms: 50)

    @Option(name: .customLong("port-file"), help: "A file to write the port to, once ready.")
    var portFile: String?

    @Flag(name: .customLong("auto-create-topics"), help: "Create topics that clients ask for and allow to be created.")
    var autoCreateTopics = false

    @Option(name: .customLong("default-partitions"), help: "Partitions of a topic whose creator leaves the number open.")
    var defaultPartitions: Int32 = 1

    @Option(
        name: .customLong("log-level"), help: "Least level that is logged to standard error.",
        transform: { text throws(ValidationError) in
            guard let level = Logger.Level(rawValue: text) else { throw ValidationError("no log level: \(text)") }
            return level
        })
    var logLevel: Logger.Level = .info

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be 0 to 65535") }
        guard (1...1_000).contains(defaultPartitions) else { throw ValidationError("--default-partitions must be 1 to 1000") }
        guard !data.isEmpty else { throw ValidationError("--data must name a folder") }
        if host == "0.0.0.0" || host == "::", advertise == nil {
            throw ValidationError("--host \(host) needs --advertise HOST:PORT, since no client can connect to \(host)")
        }
    }

    func run() async throws {
        var configuration = BrokerConfiguration(dataDirectory: data)
        configuration.host = host
        configuration.port = port
        configuration.advertised = advertise
        configuration.sync = sync
        configuration.autoCreateTopics = autoCreateTopics
        configuration.defaultPartitions = defaultPartitions
        var logger = Logger(label: "embedded-broker", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = logLevel
        let server = BrokerServer(configuration: configuration, logger: logger) { [portFile, logger] address, report in
            announce(address, report, portFile: portFile, logger: logger)
        }
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await services.run()
        } catch {
            write(STDERR_FILENO, message: "embedded-broker: \(error)\n")
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

/// Says on standard output, in one line, that requests are taken.
private func announce(_ address: HostPort, _ report: StartReport, portFile: String?, logger: Logger) {
    if let portFile, let file = fopen(portFile + ".new", "w") {
        fputs("\(address.port)\n", file)
        fclose(file)
        // Whoever waits for the file must not find it half written.
        rename(portFile + ".new", portFile)
    } else if let portFile {
        logger.warning("port file not written", metadata: ["file": "\(portFile)"])
    }
    var line = "embedded-broker ready on \(address), \(report.partitions) partitions recovered in \(report.elapsedMs) ms"
    if report.truncatedBytes > 0 { line += ", \(report.truncatedBytes) bytes of torn tails cut off" }
    if report.damaged > 0 { line += ", \(report.damaged) damaged places (see the log)" }
    write(STDOUT_FILENO, message: line + "\n")
}

private func write(_ descriptor: Int32, message: String) {
    _ = message.utf8.withContiguousStorageIfAvailable { Glibc.write(descriptor, $0.baseAddress, $0.count) } ?? 0
}

extension HostPort: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }
}

extension SyncPolicy: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }

    var defaultValueDescription: String {
        switch self {
        case .always: "always"
        case .interval(let ms): "interval=\(ms)"
        case .none: "none"
        }
    }
}
