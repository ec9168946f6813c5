import ArgumentParser
import Fleet
import Foundation
import LocalStack
import Settings

/// `rushctl fleet up`.
struct FleetUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Runs the workers for services that exist, until Ctrl-C or `fleet down`.",
        discussion: """
            KAFKA_BOOTSTRAP_SERVERS, REDIS_URL, DATABASE_URL and PAYMENT_GATEWAY_URL must name the services; every other variable of .env.example is handed \
            on to the copies. Logs, process ids and the control port are kept in the folder; one fleet a folder. Stops by SIGTERM or Ctrl-C, after every copy \
            has finished what is in hand: what systemd wants of a service.

            The file is read again when it was changed, and at SIGHUP: figures count at once, new workers are started, those that are gone are drained. One \
            that cannot be used changes nothing; `fleet status` says what is wrong with it. The environment of a worker is that of its copies from their \
            next start on (`fleet drain WORKER --copy N` starts one anew), and `drain` that of the next fleet.
            """)

    @Option(help: "The file that says how many copies; ops/fleet.yaml in the repository when absent.")
    var file: String?

    @Option(help: "Folder for logs, process ids and the control port; .fleet in the repository when absent.")
    var directory: String?

    @Option(help: ArgumentHelp("Fewest copies of each worker, in place of the file's.", valueName: "copies"))
    var minCopies: Int?

    @Option(help: "First of the copies' ports for metrics; free ones when absent.")
    var metricsPort: Int?

    @Flag(help: "Print the status as JSON, one line, when the fewest copies are up.")
    var json = false

    /// Settings that a local stack would choose, where the operator has not.
    private static let handedOn = ["HOLD_SECONDS", "PROJECTION_WINDOW_MS", "LOG_LEVEL"]

    func validate() throws {
        if let minCopies, !(1...100).contains(minCopies) { throw ValidationError("--min-copies must be from 1 to 100.") }
        if let metricsPort, !(1...65_000).contains(metricsPort) { throw ValidationError("--metrics-port must be from 1 to 65000.") }
    }

    func run() async throws {
        do {
            try await runUntilStopped()
        } catch let error as ExitCode {
            throw error
        } catch {
            Output.progress("rushctl fleet up: \(error)")
            throw ExitCode(1)
        }
    }

    private func runUntilStopped() async throws {
        let environment = ProcessInfo.processInfo.environment
        let fleet = FleetHost.file(file, minimum: minCopies)
        let drain = try fleet.plan().drain
        for name in ["KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL", "DATABASE_URL", "PAYMENT_GATEWAY_URL"] { _ = try Settings.environment.required(name) }
        if directory == nil, let other = environment["INSTALLATION"], (try? FleetControl(directory: other)) != nil {
            throw ValidationError("\(other) has a fleet already; --directory starts another beside it.")
        }
        let folder = URL(fileURLWithPath: directory ?? "\(environment["RUSH_HOME"] ?? ".")/.fleet").standardizedFileURL.path
        var ports = LocalStackConfiguration.Ports.free
        ports.firstMetrics = metricsPort
        var configuration = LocalStackConfiguration(
            directory: folder, binaries: Installation.binaries, ports: ports, external: .init(environment: environment))
        for name in Self.handedOn { if let value = environment[name], !value.isEmpty { configuration.environment[name] = value } }
        configuration.stopLimit = drain
        let stack = try LocalStack(configuration)
        let host = try FleetHost(file: fleet, stack: stack)
        let end = StopSignals()
        do {
            try await end.unlessStopped {
                // Checks that they answer; starts none.
                try await stack.startServices()
                try await host.supervisor.start()
                try await say(host)
                try await host.run(endsWhenDown: true)
            }
        } catch is StopSignals.Stopped {
        } catch {
            await host.close()
            await stack.stop()
            throw error
        }
        await host.close()
        await stack.stop()
        Output.progress("stopped")
    }

    private func say(_ host: FleetHost) async throws {
        let status = await host.supervisor.status()
        if json {
            print(
                String(decoding: try Output.encode(status), as: UTF8.self).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                    .joined())
        } else {
            FleetTable.print(status)
            print("Decisions are in \(status.log). Ctrl-C or `rushctl fleet down` stops it.")
        }
        fflush(nil)
    }
}
