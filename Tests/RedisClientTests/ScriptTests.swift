import Glibc
import Logging
import RedisClient
import Testing

@Suite(.serialized) struct ScriptTests {
    private let add = RedisScript(name: "add", source: "return redis.call('INCRBY', KEYS[1], ARGV[1])")

    @Test func digestIsTheOneRedisComputes() async throws {
        try await withRedis { _, client in
            for length in [0, 1, 54, 55, 56, 63, 64, 65, 1_000] {
                let script = RedisScript(name: "s", source: "return 1 --" + String(repeating: "x", count: length))
                let digest = try await client.send(RedisCommand("SCRIPT", "LOAD", script.source))
                #expect(digest.text == script.sha1)
            }
        }
    }

    @Test func missingScriptIsLoadedAndCalledAgain() async throws {
        try await withRedis { _, client in
            #expect(try await client.evaluate(add, keys: ["n"], arguments: [2]).int == 2)
            _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
            #expect(try await client.evaluate(add, keys: ["n"], arguments: [3]).int == 5)
        }
    }

    @Test func batchIsRunInOrderAfterAFlush() async throws {
        try await withRedis { _, client in
            for round in 0..<2 {
                _ = try await client.send(RedisCommand("DEL", "n"))
                _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"))
                let calls = (0..<500).map { _ in RedisScriptCall(keys: ["n"], arguments: [.int(1)]) }
                let replies = try await client.evaluate(add, calls: calls)
                #expect(replies.map(\.int) == (1...500).map { $0 }, "round \(round)")
            }
        }
    }

    @Test func scriptErrorIsTypedAndNamesTheScript() async throws {
        try await withRedis { _, client in
            let failing = RedisScript(name: "failing", source: "return redis.error_reply('SOLDOUT no seats')")
            let error = await redisError { () async throws(RedisError) in try await client.evaluate(failing, keys: [], arguments: []) }
            #expect(error?.serverCode == "SOLDOUT")
            #expect(error?.operation == "failing")
            #expect(error?.label == "server")
        }
    }

    @Test func scriptsGivenAtStartAreKnownAfterARestart() async throws {
        let server = try await TestRedis()
        let client = RedisClient(configuration: server.configuration, logger: Logger(label: "test"), scripts: [add])
        try client.start()
        for _ in 0..<2 {
            #expect(try await client.send(RedisCommand("EVALSHA", add.sha1, "1", "n", "1")).int == 1)
            server.signal(SIGKILL)
            try await server.start()
            try await eventually("reconnected") { client.isConnected }
        }
        await client.shutdown()
    }
}
