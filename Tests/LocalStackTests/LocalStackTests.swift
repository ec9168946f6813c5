import Foundation
import NIOCore
import Testing

@testable import LocalStack

/// Real servers in folders of their own. Serialised: they start processes, and the machine may have two cores.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LocalStackTests {
    @Test func redisKeepsItsDataThroughKillAndRestart() async throws {
        try await withStack { stack in
            try await stack.startRedis()
            #expect(try await redis(stack, "SET seat sold\r\n") == "+OK\r\n")
            #expect(try await redis(stack, "CONFIG GET appendfsync\r\n").contains("always"))
            #expect(try await redis(stack, "CONFIG GET save\r\n").hasSuffix("$0\r\n\r\n"))
            #expect(try await redis(stack, "CONFIG GET maxmemory-policy\r\n").contains("noeviction"))
            #expect(try await redis(stack, "CONFIG GET hash-max-listpack-value\r\n").contains("1024"))
            try await stack.kill(.redis)
            #expect(await !stack.isRunning(.redis))
            try await stack.restart(.redis)
            #expect(try await redis(stack, "GET seat\r\n") == "$4\r\nsold\r\n")
        }
    }

    @Test func postgresIsPrivateAndSurvivesKillAndASecondStack() async throws {
        let folder = temporaryFolder()
        defer { try? LocalStack.erase(directory: folder) }
        try await withStack(folder) { stack in
            try await stack.startPostgres()
            #expect(try psql(stack, "CREATE TABLE t (n int); INSERT INTO t VALUES (42); SELECT n FROM t").hasSuffix("42"))
            #expect(try psql(stack, "SHOW synchronous_commit") == "on")
            #expect(try psql(stack, "SHOW listen_addresses") == "127.0.0.1")
            let pid = try #require(await stack.processIDs()["postgres"])
            #expect(try owner(of: pid) == (geteuid() == 0 ? "postgres" : NSUserName()))
            for _ in 0..<3 {
                try await stack.kill(.postgres)
                try await stack.restart(.postgres)
            }
            #expect(try psql(stack, "SELECT n FROM t") == "42")
        }
        try await withStack(folder) { stack in
            try await stack.startPostgres()
            #expect(try psql(stack, "SELECT n FROM t") == "42")
        }
    }

    @Test func postgresUnderAClosedFolderLivesElsewhere() async throws {
        guard geteuid() == 0 else { return }
        let parent = temporaryFolder()
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let folder = "\(parent)/run"
        try await withStack(folder) { stack in
            try await stack.startPostgres()
            let outside = try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/data/postgres")
            #expect(outside.hasPrefix("/var/lib/booking-rush/"))
            #expect(FileManager.default.fileExists(atPath: outside))
        }
        try LocalStack.erase(directory: folder)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    /// Who holds the folder is not kept out by its own lock.
    @Test func stackErasesItsOwnFolder() async throws {
        let folder = temporaryFolder()
        try await withStack(folder) { stack in
            try await stack.startRedis()
            await stack.stop()
            try await stack.erase()
            #expect(!FileManager.default.fileExists(atPath: folder))
        }
    }

    @Test func frozenProcessIsStillStopped() async throws {
        try await withStack { stack in
            try await stack.startRedis()
            try await stack.signal(.redis, SIGSTOP)
            let began = ContinuousClock.now
            await stack.stop(.redis)
            #expect(ContinuousClock.now - began < .seconds(10))
            #expect(await !stack.isRunning(.redis))
            let error = await #expect(throws: LocalStackError.self) { try await stack.signal(.redis, SIGCONT) }
            #expect(error?.code == .invalid)
        }
    }

    @Test func lostDataIsGoneAndTheStoreStartsEmpty() async throws {
        try await withStack { stack in
            try await stack.startRedis()
            #expect(try await redis(stack, "SET seat sold\r\n") == "+OK\r\n")
            await #expect(throws: LocalStackError.self) { try await stack.eraseData(of: .redis) }
            try await stack.kill(.redis)
            try await stack.eraseData(of: .redis)
            try await stack.restart(.redis)
            #expect(try await redis(stack, "GET seat\r\n") == "$-1\r\n")
        }
    }

    @Test func deadChildIsReportedByNameWithItsLastLines() async throws {
        try await withStack { stack in
            try await stack.startRedis()
            let pid = try #require(await stack.processIDs()["redis"])
            kill(pid, SIGTERM)
            var exits = stack.exits.makeAsyncIterator()
            let exit = try #require(await exits.next())
            #expect(exit.component == .redis)
            #expect(exit.status == .code(0))
            #expect(exit.description.contains("redis died (exit code 0)"))
            #expect(exit.logTail.contains("Redis is now ready to exit, bye bye"))
        }
    }

    @Test func deathAtTheStartIsAnErrorWithTheLogsEnd() async throws {
        let binaries = try folderWithProgram("expiry", "echo 'cannot read the moon' >&2; exit 3")
        defer { try? FileManager.default.removeItem(atPath: binaries) }
        try await withStack(binaries: binaries) { stack in
            let error = await #expect(throws: LocalStackError.self) { try await stack.startWorker("expiry") }
            #expect(error?.code == .childDied)
            #expect(error?.message.contains("exit code 3") == true)
            #expect(error?.message.contains("cannot read the moon") == true)
        }
    }

    @Test func missingProgramIsNamed() async throws {
        try await withStack { stack in
            let error = await #expect(throws: LocalStackError.self) { try await stack.startIngress() }
            #expect(error?.code == .missingTool)
            #expect(error?.message.contains("/nowhere/ingress") == true)
        }
    }

    @Test func takenPortIsNamedWithTheProcessOnIt() async throws {
        let server = try await ScriptedServer { _ in nil }
        var ports = LocalStackConfiguration.Ports.free
        ports.redis = server.port
        try await withStack(ports: ports) { stack in
            let error = await #expect(throws: LocalStackError.self) { try await stack.startRedis() }
            #expect(error?.code == .portTaken)
            #expect(error?.message.contains("port \(server.port) is taken by") == true)
            #expect(error?.message.contains("(pid \(getpid()))") == true)
        }
        await server.close()
    }

    @Test func takenPortsAreNoticedBeforeAnythingIsStarted() async throws {
        let server = try await ScriptedServer { _ in nil }
        func failure(_ change: (inout LocalStackConfiguration.Ports) -> Void) async throws -> LocalStackError? {
            var ports = LocalStackConfiguration.Ports.free
            change(&ports)
            var error: LocalStackError?
            try await withStack(ports: ports) { stack in
                error = await #expect(throws: LocalStackError.self) { try await stack.requireFreePorts(workers: ["inventory-sync", "expiry"]) }
                #expect(await stack.processIDs().isEmpty)
            }
            return error
        }
        let taken = "port \(server.port) is taken by"
        let http = try await failure { $0.http = server.port }
        #expect(http?.code == .portTaken)
        #expect(http?.description.contains("start ingress: \(taken)") == true)
        #expect(http?.message.contains("--port") == true)
        // The ingress has the first, the workers the next in the order in which they are named.
        let metrics = try await failure { $0.firstMetrics = server.port - 2 }
        #expect(metrics?.description.contains("start expiry: \(taken)") == true)
        #expect(metrics?.message.contains("METRICS_PORT") == true)
        #expect(metrics?.message.contains("--metrics-port") == true)
        let store = try await failure { $0.redis = server.port }
        #expect(store?.description.contains("start redis: \(taken)") == true)
        #expect(store?.message.contains("REDIS_URL") == true)
        await server.close()
        try await withStack { try await $0.requireFreePorts(workers: ["inventory-sync", "expiry"]) }
    }

    @Test func processThatIgnoresItsSignalIsKilledAfterTheLimit() async throws {
        let binaries = try folderWithProgram("embedded-broker", "trap '' TERM; echo $$ started; while :; do sleep 1; done")
        defer { try? FileManager.default.removeItem(atPath: binaries) }
        try await withStack(binaries: binaries, limit: .milliseconds(400)) { stack in
            let error = await #expect(throws: LocalStackError.self) { try await stack.startBroker() }
            #expect(error?.code == .timeout)
            #expect(error?.message.contains("started") == true)
            #expect(await stack.processIDs().isEmpty)
        }
    }

    @Test func folderBelongsToOneSupervisorAndOnlyAnInstallationIsErased() async throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await withStack(folder) { _ in
            let error = #expect(throws: LocalStackError.self) { try LocalStack(.init(directory: folder, binaries: "/nowhere")) }
            #expect(error?.code == .alreadyRunning)
            #expect(throws: LocalStackError.self) { try LocalStack.erase(directory: folder) }
        }
        try LocalStack.erase(directory: folder)
        #expect(!FileManager.default.fileExists(atPath: folder))
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        #expect(throws: LocalStackError.self) { try LocalStack.erase(directory: folder) }
        #expect(FileManager.default.fileExists(atPath: folder))
    }

    @Test func environmentNamesEverythingAComponentReads() async throws {
        let folder = temporaryFolder()
        defer { try? LocalStack.erase(directory: folder) }
        var secret = ""
        var instance: String?
        try await withStack(folder) { stack in
            let ingress = try stack.environment(for: .ingress)
            #expect(ingress["HTTP_PORT"] == "\(stack.endpoints.httpPort)")
            #expect(ingress["REDIS_URL"] == stack.endpoints.redisURL)
            #expect(ingress["DATABASE_URL"]?.hasPrefix("postgresql://rush:") == true)
            #expect(ingress["KAFKA_BOOTSTRAP_SERVERS"]?.hasPrefix("127.0.0.1:") == true)
            #expect(ingress["ENVIRONMENT"] == "development")
            let first = try stack.environment(for: .worker("expiry"))
            let second = try stack.environment(for: .worker("expiry", copy: 2))
            #expect(first["METRICS_PORT"] != second["METRICS_PORT"])
            #expect(first["HTTP_PORT"] == nil)
            instance = first["WORKER_INSTANCE_ID"]
            #expect(instance?.hasPrefix("expiry-") == true)
            #expect(second["WORKER_INSTANCE_ID"]?.hasPrefix("expiry-2-") == true)
            #expect(ingress["WORKER_INSTANCE_ID"] == nil)
            secret = stack.endpoints.jwtSecret
            #expect(secret.utf8.count >= 32)
        }
        try await withStack(folder) { stack in
            #expect(stack.endpoints.jwtSecret == secret)
            let again = try stack.environment(for: .worker("expiry"))["WORKER_INSTANCE_ID"]
            #expect(again == instance)
        }
        // Another installation that shares a Kafka with this one is not taken for it.
        try await withStack { stack in
            let other = try stack.environment(for: .worker("expiry"))["WORKER_INSTANCE_ID"]
            #expect(other != instance)
        }
    }

    @Test func existingServiceIsUsedAndLeftRunning() async throws {
        try await withStack { first in
            try await first.startRedis()
            let external = LocalStackConfiguration.External(redisURL: first.endpoints.redisURL)
            try await withStack(external: external) { second in
                try await second.startRedis()
                #expect(second.endpoints.redisURL == first.endpoints.redisURL)
                #expect(await second.processIDs().isEmpty)
            }
            #expect(try await redis(first, "PING\r\n") == "+PONG\r\n")
        }
    }

    // MARK: Set-up

    private func temporaryFolder() -> String { "/tmp/local-stack-\(UUID().uuidString.prefix(8))" }

    private func withStack(
        _ folder: String? = nil, binaries: String = "/nowhere", ports: LocalStackConfiguration.Ports = .free,
        external: LocalStackConfiguration.External = .init(), limit: Duration = .seconds(60), _ body: (LocalStack) async throws -> Void
    ) async throws {
        let path = folder ?? temporaryFolder()
        var configuration = LocalStackConfiguration(directory: path, binaries: binaries, ports: ports, external: external)
        configuration.startLimit = limit
        configuration.stopLimit = .seconds(20)
        let stack = try LocalStack(configuration)
        do {
            try await body(stack)
        } catch {
            await stack.stop()
            throw error
        }
        await stack.stop()
        #expect(await stack.processIDs().isEmpty)
        if folder == nil { try FileManager.default.removeItem(atPath: path) }
    }

    private func folderWithProgram(_ name: String, _ script: String) throws -> String {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let contents = Data("#!/bin/sh\n\(script)\n".utf8)
        #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: contents, attributes: [.posixPermissions: 0o755]))
        return folder
    }

    /// One inline command; the answer is small and comes in one piece.
    private func redis(_ stack: LocalStack, _ command: String) async throws -> String {
        struct Text: Receiver {
            mutating func receive(_ bytes: ByteBufferView) -> String? { String(decoding: bytes, as: UTF8.self) }
        }
        return try await Exchange.run(
            host: "127.0.0.1", port: stack.endpoints.redis.port, pieces: [Array(command.utf8)], timeout: .seconds(10), receiver: Text(),
            operation: "redis")
    }

    private func psql(_ stack: LocalStack, _ sql: String) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/lib/postgresql/15/bin/psql")
        process.arguments = ["-qtA", "-d", stack.endpoints.databaseURL, "-c", sql]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func owner(of pid: Int32) throws -> String {
        try #require(try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountName] as? String)
    }
}
