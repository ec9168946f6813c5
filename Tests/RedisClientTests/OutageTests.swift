import Glibc
import Logging
import RedisClient
import Synchronization
import Testing

@Suite(.serialized) struct OutageTests {
    /// Counts what callers got while the server was treated badly.
    private struct Outcome: Sendable {
        var replies = 0
        var errors: [RedisError.Code: Int] = [:]
        var slowest = Duration.zero
    }

    @Test(.timeLimit(.minutes(1))) func killedServerGivesEveryCallerAReplyOrATypedError() async throws {
        let runIDs = Mutex<[String]>([])
        try await withRedis(onConnect: { id in runIDs.withLock { $0.append(id) } }) { server, client in
            _ = try await client.send(RedisCommand("PING"))
            let firstRunID = client.serverRunID
            let stop = Mutex(false)
            let load = Task { await self.load(client, tasks: 64) { stop.withLock { $0 } } }
            for _ in 0..<3 {
                try await eventually("commands are in flight") { client.pending > 0 }
                server.signal(SIGKILL)
                try await eventually("the loss was noticed") { !client.isConnected }
                let error = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("PING")) }
                #expect(error?.code == .notConnected)
                #expect(error?.mayHaveRun == false)
                try await server.start()
                try await eventually("reconnected") { client.isConnected }
            }
            stop.withLock { $0 = true }
            let outcome = await load.value
            #expect(outcome.replies > 0)
            #expect(Set(outcome.errors.keys).isSubset(of: [.connectionLost, .notConnected]))
            #expect(outcome.errors[.connectionLost, default: 0] > 0)
            #expect(client.pending == 0)
            #expect(client.serverRunID != firstRunID)
            #expect(Set(runIDs.withLock { $0 }).count == 4)
        }
    }

    @Test(.timeLimit(.minutes(1))) func stoppedServerGivesTimeoutsThenRefusalsAtOnce() async throws {
        try await withRedis({
            $0.commandTimeout = .milliseconds(300); $0.connectTimeout = .milliseconds(300)
        }) { server, client in
            _ = try await client.send(RedisCommand("PING"))
            server.signal(SIGSTOP)
            let outcome = await withTaskGroup(of: Outcome.self) { group in
                for _ in 0..<200 { group.addTask { await self.call(client) } }
                return await group.reduce(into: Outcome(), self.merge)
            }
            #expect(outcome.errors == [.timeout: 200])
            #expect(outcome.slowest < .seconds(1))

            let refused = await call(client)
            #expect(refused.errors == [.notConnected: 1])
            #expect(refused.slowest < .milliseconds(100))
            server.signal(SIGCONT)
            try await eventually("reconnected") { client.isConnected }
            #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func commandsThatNeverLeftAreKnownNotToHaveRun() async throws {
        try await withRedis({ $0.commandTimeout = .milliseconds(500) }) { server, client in
            _ = try await client.send(RedisCommand("PING"))
            server.signal(SIGSTOP)
            // Far more than the kernel's socket buffers hold.
            let value = String(repeating: "x", count: 1_000_000)
            let flags = await withTaskGroup(of: Bool?.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        await redisError { () async throws(RedisError) in try await client.send(RedisCommand("SET", "k", value)) }?.mayHaveRun
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(flags.contains(false))
            server.signal(SIGCONT)
        }
    }

    @Test func moreThanTheBoundIsRefusedAtOnce() async throws {
        try await withRedis({
            $0.maxPending = 100; $0.commandTimeout = .seconds(1)
        }) { server, client in
            _ = try await client.send(RedisCommand("PING"))
            server.signal(SIGSTOP)
            let outcome = await withTaskGroup(of: Outcome.self) { group in
                for _ in 0..<250 { group.addTask { await self.call(client) } }
                return await group.reduce(into: Outcome(), self.merge)
            }
            #expect(outcome.errors == [.timeout: 100, .overloaded: 150])
            server.signal(SIGCONT)
            try await eventually("reconnected") { client.isConnected }
            #expect(
                await redisError { () async throws(RedisError) in
                    try await client.pipeline(Array(repeating: RedisCommand("PING"), count: 101))[0]
                }?.code == .overloaded)
            #expect(try await client.pipeline(Array(repeating: RedisCommand("PING"), count: 100)).count == 100)
        }
    }

    @Test func moreBytesThanTheBoundAreRefused() async throws {
        try await withRedis({ $0.maxPendingBytes = 10_000 }) { _, client in
            let error = await redisError { () async throws(RedisError) in
                try await client.send(RedisCommand("SET", "k", String(repeating: "x", count: 10_001)))
            }
            #expect(error?.code == .overloaded)
            _ = try await client.send(RedisCommand("SET", "k", "x"))
        }
    }

    @Test func callsWaitForTheFirstConnectionOnly() async throws {
        let port = try TestRedis.freePort()
        let client = RedisClient(configuration: RedisConfiguration(port: port, connectTimeout: .milliseconds(500)), logger: Logger(label: "test"))
        let early = await call(client)
        #expect(early.errors == [.notConnected: 1])
        try client.start()
        let refused = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("PING")) }
        #expect(refused?.code == .notConnected)
        #expect(refused?.disposition == .outage)
        #expect(refused?.message.contains("refused") == true)
        await client.shutdown()
    }

    @Test func shutdownAnswersWhatIsInFlightAndRefusesTheRest() async throws {
        try await withRedis { _, client in
            _ = try await client.send(RedisCommand("PING"))
            let calls = Task {
                await withTaskGroup(of: Outcome.self) { group in
                    for _ in 0..<1_000 { group.addTask { await self.call(client) } }
                    return await group.reduce(into: Outcome(), self.merge)
                }
            }
            await client.shutdown()
            let outcome = await calls.value
            #expect(outcome.replies + outcome.errors[.stopped, default: 0] == 1_000)
            let late = await call(client)
            #expect(late.errors == [.stopped: 1])
            #expect(throws: RedisError.self) { try client.start() }
        }
    }

    @Test func serverThatIsNotRedisIsAProtocolViolation() async throws {
        let listener = try GarbageServer()
        let client = RedisClient(configuration: RedisConfiguration(port: listener.port), logger: Logger(label: "test"))
        try client.start()
        let error = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("PING")) }
        #expect(error?.code == .notConnected)
        #expect(error?.message.contains("Protocol error") == true)
        await client.shutdown()
    }

    private func load(_ client: RedisClient, tasks: Int, until over: @escaping @Sendable () -> Bool) async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var outcome = Outcome()
                    while !over() {
                        let one = await self.call(client)
                        self.merge(&outcome, one)
                        // As a caller would: it does not hammer a server that is away.
                        if one.replies == 0 { try? await Task.sleep(for: .milliseconds(2)) }
                    }
                    return outcome
                }
            }
            return await group.reduce(into: Outcome(), self.merge)
        }
    }

    private func call(_ client: RedisClient) async -> Outcome {
        var outcome = Outcome()
        let start = ContinuousClock.now
        if let error = await redisError({ () async throws(RedisError) in try await client.send(RedisCommand("INCR", "n")) }) {
            outcome.errors[error.code] = 1
        } else {
            outcome.replies = 1
        }
        outcome.slowest = start.duration(to: .now)
        return outcome
    }

    private func merge(_ total: inout Outcome, _ one: Outcome) {
        total.replies += one.replies
        total.errors.merge(one.errors, uniquingKeysWith: +)
        total.slowest = max(total.slowest, one.slowest)
    }
}
