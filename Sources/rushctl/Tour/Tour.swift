import ArgumentParser
import Fleet
import Foundation
import LocalStack

/// `rushctl tour`.
struct Tour: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes the guided tour of ops/RUNBOOK.md, unattended.",
        discussion: """
            Brings up an installation on free ports in a folder of its own and types every block of the runbook's tour into one shell, as a new operator \
            would; a command that fails ends it. Prints each step with its time; exit 1 when one failed, and then the folder with the logs is kept.
            """)

    @Option(help: "Where to write the steps as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    @Option(help: "The runbook; ops/RUNBOOK.md in the repository when absent.")
    var runbook: String?

    @Option(help: ArgumentHelp("How long all of it may take, in seconds.", valueName: "seconds"))
    var limit = 600

    func validate() throws {
        if !(1...86_400).contains(limit) { throw ValidationError("--limit must be from 1 to 86400.") }
    }

    struct Report: Codable, Sendable {
        struct Step: Codable, Sendable {
            let title: String
            let ms: Int
            let ok: Bool
        }
        var ok = false
        var steps: [Step] = []
        var error: String?
    }

    func run() async throws {
        let home = ProcessInfo.processInfo.environment["RUSH_HOME"] ?? "."
        let runbook = try Runbook(path: runbook ?? "\(home)/ops/RUNBOOK.md")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-tour-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        let installation = try Installation(
            LocalStackConfiguration(directory: folder, binaries: Installation.binaries), fleet: FleetHost.file(nil, minimum: 1)
        ) { Output.progress("  \($0)") }
        let end = StopSignals()
        var report = Report()
        do {
            report = try await end.unlessStopped {
                _ = try await installation.start(.demo)
                return try await installation.supervised {
                    try await TourRunner(installation: installation, runbook: runbook, home: home, limit: .seconds(limit)).run()
                }
            }
        } catch {
            report.error = "\(error)"
        }
        await installation.stop()
        if report.ok {
            try await installation.stack.erase()
        } else {
            Output.progress("failed: \(report.error ?? ""); the logs are in \(folder)/logs")
        }
        print(report.ok ? "ok" : "failed")
        try json?.write(report)
        if !report.ok { throw ExitCode(1) }
    }
}
