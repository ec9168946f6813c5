import Foundation
import Glibc
import LocalStack
import TestSupport

/// `rushctl fleet up` as a process beside an installation that has no workers of its own.
struct RunningFleet {
    let installation: Installation
    let folder: String
    private let process: Task<ExitStatus, any Error>

    /// Starts it, runs `body`, and ends it.
    static func with(_ installation: Installation, file: String, _ body: (RunningFleet) async throws -> Void) async throws {
        let base = installation.stack.configuration.directory
        let path = "\(base)/fleet.yaml"
        try file.write(toFile: path, atomically: true, encoding: .utf8)
        let (stack, program) = (installation.stack, "\(try Binaries.folder())/rushctl")
        let environment = try Installation.toolEnvironment(stack).merging(["PATH": "/usr/bin:/bin", "PROJECTION_WINDOW_MS": "200"]) { $1 }
        let process = Task {
            try await stack.run(
                program, ["fleet", "up", "--file", path, "--directory", "\(base)/fleet"], environment: environment, log: "fleet-up",
                limit: .seconds(300))
        }
        let fleet = RunningFleet(installation: installation, folder: "\(base)/fleet", process: process)
        do {
            try await waitUntil("the fleet is up", limit: .seconds(60)) { try await fleet.command("status").status == 0 }
            try await body(fleet)
        } catch {
            await fleet.end()
            throw error
        }
        await fleet.end()
    }

    private func end() async {
        if let file = FileManager.default.contents(atPath: "\(folder)/fleet.json"),
            let pid = (try? JSONDecoder().decode(JSONValue.self, from: file))?["pid"].int
        {
            kill(pid_t(pid), SIGTERM)
        }
        _ = await process.result
    }

    /// How the supervisor ended.
    func ended() async throws -> ExitStatus { try await process.value }

    /// Runs `rushctl fleet …` on it.
    func command(_ arguments: String...) async throws -> Command.Output {
        try await installation.run(["fleet"] + arguments + ["--directory", folder, "--json"])
    }

    /// What `rushctl fleet status --json` says of a worker.
    func worker(_ name: String) async throws -> JSONValue {
        let output = try await command("status")
        guard
            let worker = try JSONDecoder().decode(JSONValue.self, from: Data(output.text.utf8))["workers"].array?.first(where: {
                $0["worker"].string == name
            })
        else { throw TestFailure("fleet status: \(output.status) \(output.errors) \(output.text)") }
        return worker
    }

    /// The fleet's log.
    func log() throws -> [JSONValue] {
        let text = try String(contentsOfFile: "\(folder)/logs/fleet.ndjson", encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) }
    }
}
