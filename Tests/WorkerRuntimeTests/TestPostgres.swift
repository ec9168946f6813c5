import Foundation
import Glibc
import KafkaTestSupport
import Logging
import PostgresClient
import Synchronization
import Testing

/// A PostgreSQL cluster of these tests' own with the product's tables, on a Unix socket in a temporary folder, never run as root.
final class TestPostgres: Sendable {
    private static let binaries = "/usr/lib/postgresql/15/bin"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: "\(binaries)/postgres")

    private let folder: String
    private let process = Mutex<Process?>(nil)

    /// Creates a cluster, starts it, and makes the tables.
    init() async throws {
        folder = "/tmp/worker-test-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0, let postgres = getpwnam("postgres") { chown(folder, postgres.pointee.pw_uid, postgres.pointee.pw_gid) }
        let initialise = Self.make("initdb", ["-D", folder + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        try initialise.run()
        initialise.waitUntilExit()
        try #require(initialise.terminationStatus == 0)
        try await start()
        let migrations = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../migrations/sql").path
        let scripts = try FileManager.default.contentsOfDirectory(atPath: migrations).filter { $0.hasSuffix(".up.sql") }.sorted()
        try await with { client in
            for script in scripts {
                let text = try String(contentsOfFile: "\(migrations)/\(script)", encoding: .utf8)
                try await client.withConnection { try $0.execute(script: text) }
            }
        }
    }

    deinit {
        stop(SIGQUIT)
        try? FileManager.default.removeItem(atPath: folder)
    }

    func start() async throws {
        let server = Self.make(
            "postgres", ["-D", folder + "/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100"])
        try server.run()
        process.withLock { $0 = server }
        let isUp = try await eventually(.seconds(20)) {
            let probe = Self.make("pg_isready", ["-q", "-h", self.folder])
            try probe.run()
            probe.waitUntilExit()
            return probe.terminationStatus == 0
        }
        try #require(isUp)
    }

    /// Stops the server: SIGKILL is a crash. Returns when it is gone.
    func stop(_ signal: Int32) {
        process.withLock { process in
            guard let running = process else { return }
            kill(running.processIdentifier, signal)
            running.waitUntilExit()
            process = nil
        }
    }

    /// Runs `body` with a started client.
    func with<Value>(_ body: (PostgresClient) async throws -> Value) async throws -> Value {
        let configuration = try PostgresConfiguration(url: "postgresql://postgres@/postgres?host=\(folder)", poolSize: 4)
        let client = PostgresClient(configuration: configuration, logger: .quiet)
        try client.start()
        do {
            let value = try await body(client)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private static func make(_ tool: String, _ arguments: [String]) -> Process {
        let process = Process()
        if geteuid() == 0 {
            // setpriv replaces itself, so the process id is the server's.
            process.executableURL = URL(filePath: "/usr/bin/setpriv")
            process.arguments = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "\(binaries)/\(tool)"] + arguments
        } else {
            process.executableURL = URL(filePath: "\(binaries)/\(tool)")
            process.arguments = arguments
        }
        process.currentDirectoryURL = URL(filePath: "/tmp")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}
