import Foundation
import Glibc
import LocalStack
import TestSupport

/// `rushctl fleet up` as a process beside an installation that has no workers of its own.
struct RunningFleet {
    let installation: Installation
    let folder: String
    private let path: String
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
        let fleet = RunningFleet(installation: installation, folder: "\(base)/fleet", path: path, process: process)
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
        if let pid = try? pid() { kill(pid, SIGTERM) }
        _ = await process.result
    }

    /// How the supervisor ended.
    func ended() async throws -> ExitStatus { try await process.value }

    /// Runs `rushctl fleet …` on it.
    func command(_ arguments: String...) async throws -> Command.Output {
        try await installation.run(["fleet"] + arguments + ["--directory", folder, "--json"])
    }

    /// Runs `rushctl` as an operator of this installation, who has no need to name its folder.
    func rushctl(_ arguments: [String], limit: Duration = .seconds(120)) async throws -> Command.Output {
        let environment = try Installation.toolEnvironment(installation.stack).merging(["INSTALLATION": folder]) { $1 }
        return try await Command.run("\(try Binaries.folder())/rushctl", arguments, environment: environment, limit: limit)
    }

    func rushctl(_ arguments: String...) async throws -> Command.Output { try await rushctl(arguments) }

    /// What `rushctl fleet status --json` says.
    func status() async throws -> JSONValue {
        // Its exit code says whether all is well, which it need not be.
        let output = try await command("status")
        guard let status = try? JSONDecoder().decode(JSONValue.self, from: Data(output.text.utf8)) else {
            throw TestFailure("fleet status: \(output.status) \(output.errors)")
        }
        return status
    }

    /// What it says of a worker; null where it does not have one of that name.
    func worker(_ name: String) async throws -> JSONValue { try await status()["workers"].array?.first { $0["worker"].string == name } ?? .null }

    /// Changes its file.
    func write(_ file: String) throws { try file.write(toFile: path, atomically: true, encoding: .utf8) }

    /// Sends it SIGHUP.
    func hangUp() throws { kill(try pid(), SIGHUP) }

    private func pid() throws -> pid_t {
        guard let file = FileManager.default.contents(atPath: "\(folder)/fleet.json"),
            let pid = try JSONDecoder().decode(JSONValue.self, from: file)["pid"].int
        else { throw TestFailure("no fleet runs in \(folder)") }
        return pid_t(pid)
    }

    /// The fleet's log.
    func log() throws -> [JSONValue] {
        let text = try String(contentsOfFile: "\(folder)/logs/fleet.ndjson", encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) }
    }
}
