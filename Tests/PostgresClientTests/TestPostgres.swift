import Foundation
import Glibc
import Logging
import PostgresClient
import Synchronization
import Testing

/// A PostgreSQL cluster of these tests' own, on a Unix socket in a temporary folder, never run as root.
final class TestPostgres: Sendable {
    private let folder: String
    private let process = Mutex<Process?>(nil)
    private static let binaries = "/usr/lib/postgresql/15/bin"

    /// The cluster that all suites share which do not stop it; it ends with the test process.
    static let shared = Task {
        let cluster = try await TestPostgres()
        endings.withLock { $0.append(cluster) }
        atexit { TestPostgres.endings.withLock { for cluster in $0 { cluster.remove() } } }
        return cluster
    }
    private static let endings = Mutex<[TestPostgres]>([])

    /// Creates a cluster, starts it and waits until it answers.
    init() async throws {
        folder = "/tmp/postgres-test-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0, let postgres = getpwnam("postgres") { chown(folder, postgres.pointee.pw_uid, postgres.pointee.pw_gid) }
        let initialise = Self.make("initdb", ["-D", folder + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        try initialise.run()
        initialise.waitUntilExit()
        try #require(initialise.terminationStatus == 0)
        try await start()
    }

    deinit {
        remove()
    }

    var url: String { "postgresql://postgres@/postgres?host=\(folder)" }

    func start() async throws {
        let server = Self.make(
            "postgres",
            [
                "-D", folder + "/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=300", "-c",
                "deadlock_timeout=100ms",
            ])
        try server.run()
        process.withLock { $0 = server }
        try await eventually("PostgreSQL answers") {
            let probe = Self.make("pg_isready", ["-q", "-h", self.folder])
            try probe.run()
            probe.waitUntilExit()
            return probe.terminationStatus == 0
        }
    }

    /// Stops the cluster: SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash. Returns when it is gone.
    func stop(_ signal: Int32) {
        process.withLock { process in
            guard let running = process else { return }
            kill(running.processIdentifier, signal)
            running.waitUntilExit()
            process = nil
        }
    }

    private func remove() {
        stop(SIGQUIT)
        try? FileManager.default.removeItem(atPath: folder)
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

/// Waits for a condition, twenty seconds at most.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("did not happen in time: \(what)")
}

/// Runs `body` with a started client, of the shared cluster unless another is given, and shuts it down.
func withPostgres(
    on cluster: TestPostgres? = nil, _ change: (inout PostgresConfiguration) -> Void = { _ in }, _ body: (PostgresClient) async throws -> Void
) async throws {
    let server: TestPostgres = if let cluster { cluster } else { try await TestPostgres.shared.value }
    var configuration = try PostgresConfiguration(url: server.url, poolSize: 4)
    change(&configuration)
    let client = PostgresClient(configuration: configuration, logger: Logger(label: "test"))
    try client.start()
    do {
        try await body(client)
    } catch {
        await client.shutdown()
        throw error
    }
    await client.shutdown()
}

/// The error that `body` throws.
func postgresError<Value>(_ body: () async throws -> Value) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// A table of this test's own.
func makeTable(_ client: PostgresClient, _ columns: String) async throws -> String {
    let name = "t_" + UUID().uuidString.prefix(8).lowercased()
    try await client.withConnection { try $0.execute(script: "CREATE TABLE \(name) (\(columns))") }
    return name
}

/// Counts across tasks.
final class Counter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    func increase() { value.withLock { $0 += 1 } }
}
