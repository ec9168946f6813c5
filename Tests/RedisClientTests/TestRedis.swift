import Foundation
import Glibc
import Logging
import RedisClient
import Synchronization
import Testing

/// A redis-server of this test's own: free port, temporary folder, ended by its process id.
final class TestRedis: Sendable {
    let port: Int
    private let folder: URL
    private let process = Mutex<Process?>(nil)

    /// Starts a server and waits until it answers.
    init() async throws {
        port = try Self.freePort()
        folder = FileManager.default.temporaryDirectory.appending(path: "redis-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await start()
    }

    deinit {
        process.withLock { process in
            guard let running = process, running.isRunning else { return }
            kill(running.processIdentifier, SIGKILL)
            running.waitUntilExit()
            process = nil
        }
        try? FileManager.default.removeItem(at: folder)
    }

    var configuration: RedisConfiguration {
        RedisConfiguration(port: port, connectTimeout: .seconds(2), commandTimeout: .seconds(5))
    }

    func start() async throws {
        let server = Process()
        server.executableURL = URL(filePath: "/usr/bin/redis-server")
        server.arguments = [
            "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder.path, "--loglevel", "warning",
        ]
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        try server.run()
        process.withLock { $0 = server }
        try await eventually("redis-server accepts connections") { Self.accepts(port: self.port) }
    }

    /// Sends a signal; after SIGKILL it waits for the end of the process.
    func signal(_ number: Int32) {
        process.withLock { process in
            guard let running = process else { return }
            kill(running.processIdentifier, number)
            if number == SIGKILL { running.waitUntilExit() }
        }
    }

    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(bound)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func accepts(port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
    }

    private static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// Waits for a condition, ten seconds at most.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("did not happen in time: \(what)")
}

/// Runs `body` with a started client on a server of its own, and shuts both down.
func withRedis(
    _ change: (inout RedisConfiguration) -> Void = { _ in }, onConnect: (@Sendable (String) -> Void)? = nil,
    _ body: (TestRedis, RedisClient) async throws -> Void
) async throws {
    let server = try await TestRedis()
    var configuration = server.configuration
    change(&configuration)
    let client = RedisClient(configuration: configuration, logger: Logger(label: "test"), onConnect: onConnect)
    try client.start()
    do {
        try await body(server, client)
    } catch {
        await client.shutdown()
        throw error
    }
    await client.shutdown()
}

/// The error that `body` throws.
func redisError(_ body: () async throws(RedisError) -> RedisReply) async -> RedisError? {
    do throws(RedisError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
