import ArgumentParser
import Fleet
import Foundation

/// `rushctl fleet`.
struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Runs as many copies of each worker as its lag asks for.",
        discussion: """
            ops/run has a fleet of its own; `fleet up` runs one for services that exist. Both read ops/fleet.yaml, where every figure is explained: copies \
            wanted = ceil(lag / figure), between min and max, at most one for each partition. More come at once; one goes when fewer would have done for a \
            whole cool-down. While the lag is unknown, none goes. A copy that crashes is started again, after 1 s, 2 s, 4 s … 60 s.

            Every decision stands with its reason in logs/fleet.ndjson in the installation's folder. The other commands find the fleet by that folder:
            --directory, else INSTALLATION, else .run and .fleet in the repository.
            """,
        subcommands: [FleetUp.self, FleetStatusCommand.self, FleetScale.self, FleetDrain.self, FleetDown.self, FleetManifestsCommand.self])
}

/// Which fleet is meant, and how to answer.
struct FleetOptions: ParsableArguments {
    @Option(help: "The installation's folder.")
    var directory: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// The fleet that runs there.
    func control() throws -> FleetControl {
        let environment = ProcessInfo.processInfo.environment
        if let directory = directory ?? environment["INSTALLATION"].flatMap({ $0.isEmpty ? nil : $0 }) {
            return try FleetControl(directory: URL(fileURLWithPath: directory).standardizedFileURL.path)
        }
        let home = environment["RUSH_HOME"] ?? "."
        if let control = try? FleetControl(directory: "\(home)/.run") { return control }
        return try FleetControl(directory: "\(home)/.fleet")
    }

    /// Runs a command; what goes wrong is one line and exit code 1.
    func perform(_ body: (FleetControl) async throws -> FleetStatus) async throws {
        do {
            let status = try await body(try control())
            if json { try Output.json(status) } else { FleetTable.print(status) }
        } catch let error as FleetError {
            Output.progress("rushctl fleet: \(error)")
            throw ExitCode(1)
        }
    }
}

/// The status for people.
enum FleetTable {
    static func print(_ status: FleetStatus) {
        let head = ["WORKER", "COPIES", "LAG WANTS", "MIN-MAX", "BEHIND", "SECONDS", "IN/S", "OUT/S", "MODE", "WHY"]
        let rows = status.workers.map { worker in
            [
                worker.worker, worker.running == worker.target ? "\(worker.running)" : "\(worker.running)→\(worker.target)",
                worker.wanted.map(String.init) ?? "?", "\(worker.min)-\(worker.max)", worker.lagMessages.map(String.init) ?? "?",
                number(worker.lagSeconds), number(worker.arrivals), number(worker.departures), worker.automatic ? "auto" : "fixed",
                worker.reason?.rawValue ?? "starting",
            ]
        }
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        for row in [head] + rows {
            let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
            Swift.print(line.trimmingCharacters(in: .whitespaces))
        }
        if let fault = status.fault { Swift.print("The file cannot be used as it is now: \(fault)") }
        for worker in status.workers {
            for copy in worker.copies where copy.phase != .running || copy.restarts > 0 {
                Swift.print(
                    "  \(worker.worker) \(copy.copy): \(copy.phase.rawValue), restarts \(copy.restarts)\(copy.lastExit.map { ", last \($0.prefix(200))" } ?? "")"
                )
            }
        }
    }

    private static func number(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "-" }
}
