import ArgumentParser
import Fleet
import Foundation
import LocalStack

/// `rushctl run`, which is `ops/run`.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a whole installation on this machine until Ctrl-C.",
        discussion: """
            Services that exist already are used instead of started when KAFKA_BOOTSTRAP_SERVERS, REDIS_URL, DATABASE_URL or \
            PAYMENT_GATEWAY_URL name them. \
            The workers run as a fleet, as ops/fleet.yaml says: as many copies as their lag asks for, and one that crashes is started again \
            (`rushctl fleet --help`). A laptop has few cores, so the fewest copies are 1 here; --min-copies 2 is what production has. \
            With --once it brings everything up on free ports in a folder of its own, takes bookings through their life over HTTP (paid and \
            confirmed, cancelled, expired, refunded), checks the inventory, takes everything down and exits with 0 or 1.
            """)

    @Option(help: "Folder for data, logs and secrets; .run in the repository when absent.")
    var directory: String?

    @Option(help: "Port of the ingress.")
    var port = 8080

    @Option(help: "First of the ports for metrics: the ingress', then the workers'.")
    var metricsPort = 9180

    @Flag(help: "Erase the data of earlier runs first.")
    var fresh = false

    @Flag(help: "The main job once, unattended.")
    var once = false

    @Option(help: "With --once: where to write the journey as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    @Option(help: ArgumentHelp("How many copies of each worker; ops/fleet.yaml in the repository when absent.", valueName: "file"))
    var fleet: String?

    @Option(help: ArgumentHelp("Fewest copies of each worker, in place of the file's.", valueName: "copies"))
    var minCopies = 1

    @Option(help: "How the broker makes records durable: always, interval=MS or none. [default: always]")
    var sync: String?

    func validate() throws {
        if json != nil && !once { throw ValidationError("--json goes with --once.") }
        if !(1...65_535).contains(port) { throw ValidationError("--port must be from 1 to 65535.") }
        if !(1...100).contains(minCopies) { throw ValidationError("--min-copies must be from 1 to 100.") }
        if !(1...65_000).contains(metricsPort) { throw ValidationError("--metrics-port must be from 1 to 65000.") }
    }

    func run() async throws {
        do {
            if once { try await runOnce() } else { try await runUntilStopped() }
        } catch let error as ExitCode {
            throw error
        } catch {
            Output.progress("ops/run: \(error)")
            throw ExitCode(1)
        }
    }

    private func configuration(_ folder: String, _ ports: LocalStackConfiguration.Ports) -> LocalStackConfiguration {
        var configuration = LocalStackConfiguration(
            directory: URL(fileURLWithPath: folder).standardizedFileURL.path, binaries: Installation.binaries, ports: ports,
            external: .init(environment: ProcessInfo.processInfo.environment))
        if let sync { configuration.brokerSync = sync }
        return configuration
    }

    private func runUntilStopped() async throws {
        var ports = LocalStackConfiguration.Ports.standard
        ports.http = port
        ports.firstMetrics = metricsPort
        let configuration = configuration(directory ?? "\(ProcessInfo.processInfo.environment["RUSH_HOME"] ?? ".")/.run", ports)
        if fresh { try LocalStack.erase(directory: configuration.directory) }
        let installation = try Installation(configuration, fleet: FleetHost.file(fleet, minimum: minCopies)) { Output.progress("  \($0)") }
        let end = StopSignals()
        do {
            let report = try await end.unlessStopped { try await installation.start(.demo) }
            try await greet(installation, report)
            try await end.unlessStopped { try await installation.supervise() }
        } catch {
            await installation.stop()
            if error is StopSignals.Stopped {
                Output.progress("stopped")
                return
            }
            throw error
        }
    }

    private func greet(_ installation: Installation, _ report: Seeder.Report) async throws {
        let url = installation.stack.endpoints.baseURL
        guard let event = report.events.first, let show = event.shows.first, let zone = show.zones.first(where: { $0.seatIds.isEmpty }) else {
            return
        }
        let token = try await installation.token(email: "alice@example.com")
        let mails = installation.stack.mailFolder.map { "Mails are in \($0) (*.eml; the token is alice@example.com's)." } ?? "Mails go to SMTP_URL."
        let body = #"{"event_id":"\#(event.eventID)","show_id":"\#(show.showID)","zone_id":"\#(zone.zoneID)","quantity":2}"#
        print(
            """

            Booking Rush is up: \(url)

              TOKEN=\(token)

              curl -s \(url)/api/v1/events
              BOOKING=$(curl -s -X POST \(url)/api/v1/bookings/reserve -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $RANDOM$RANDOM" -H 'Content-Type: application/json' -d '\(body)' | sed 's/.*"booking_id":"\\([^"]*\\)".*/\\1/'); echo "$BOOKING"
              curl -s -X POST \(url)/api/v1/payments -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $RANDOM$RANDOM" -H 'Content-Type: application/json' -d "{\\"booking_id\\":\\"$BOOKING\\",\\"method\\":\\"card\\",\\"payment_token\\":\\"pm_card_visa\\"}"
              curl -s \(url)/api/v1/bookings -H "Authorization: Bearer $TOKEN"

            `ops/rushctl fleet status` shows the workers. Logs are in \(installation.stack.configuration.directory)/logs.
            \(mails)
            Ctrl-C stops everything.
            """)
        fflush(nil)
    }

    private func runOnce() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-\(ProcessInfo.processInfo.processIdentifier)").path
        var configuration = configuration(folder, .free)
        configuration.holdSeconds = 4
        let installation = try Installation(configuration, fleet: FleetHost.file(fleet, minimum: minCopies)) { Output.progress("  \($0)") }
        let end = StopSignals()
        let journey = Journey(installation: installation)
        do {
            try await end.unlessStopped { try await journey.run() }
        } catch {
            journey.fail(error)
        }
        await installation.stop()
        if journey.ok { try await installation.stack.erase() } else { Output.progress("the logs are in \(folder)/logs") }
        try json?.write(journey.report)
        print(journey.ok ? "ok" : "failed")
        if !journey.ok { throw ExitCode(1) }
    }
}
