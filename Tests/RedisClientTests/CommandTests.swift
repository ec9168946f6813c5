import RedisClient
import Testing

@Suite(.serialized) struct CommandTests {
    @Test func repliesOfEveryTypeAreConverted() async throws {
        try await withRedis { _, client in
            #expect(try await client.send(RedisCommand("SET", "k", "v")) == .status("OK"))
            #expect(try await client.send(RedisCommand("GET", "k")).text == "v")
            #expect(try await client.send(RedisCommand("GET", "none")).isNull)
            #expect(try await client.send(RedisCommand("INCRBY", ["n", -7])) == .integer(-7))
            #expect(try await client.send(RedisCommand("GET", "n")).int == -7)
            #expect(try await client.send(RedisCommand("RPUSH", "l", "a", "b")).int == 2)
            #expect(try await client.send(RedisCommand("LRANGE", "l", "0", "-1")).elements?.map(\.text) == ["a", "b"])
            let nested = try await client.send(RedisCommand("EVAL", "return {1, {'x', {}}, false}", "0"))
            #expect(nested == .array([.integer(1), .array([.string(Array("x".utf8)), .array([])]), .null]))
        }
    }

    @Test func valuesOfAnyBytesComeBackUnchanged() async throws {
        try await withRedis { _, client in
            let everyByte = (0..<3).flatMap { _ in (UInt8.min...UInt8.max).map { $0 } } + Array("\r\n$-1\r\n".utf8)
            let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for value in [everyByte, [], large] {
                var set = RedisCommand("SET", reserving: value.count)
                set.append("binary")
                set.append(value)
                _ = try await client.send(set)
                #expect(try await client.send(RedisCommand("GET", "binary")).bytes == value)
            }
        }
    }

    @Test func numbersAreWrittenInDecimal() async throws {
        try await withRedis { _, client in
            for value in [0, 1, -1, 9, 10, 99, 100, Int64.max, Int64.min] {
                var echo = RedisCommand("ECHO", reserving: 20)
                echo.append(value)
                let reply = try await client.send(echo)
                #expect(reply.text == String(value))
            }
        }
    }

    @Test func serverErrorIsTypedAndHoldsNoArguments() async throws {
        try await withRedis { _, client in
            _ = try await client.send(RedisCommand("SET", "k", "v"))
            let wrongType = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("LPUSH", "k", "x")) }
            #expect(wrongType?.code == .server)
            #expect(wrongType?.serverCode == "WRONGTYPE")
            #expect(wrongType?.disposition == .deadLetter)
            #expect(wrongType?.label == "server_wrongtype")
            #expect(wrongType?.operation == "LPUSH")
            let unknown = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("NOSUCH", "jane@example.org")) }
            #expect(unknown?.serverCode == "ERR")
            #expect(unknown?.description.contains("jane") == false)
        }
    }

    @Test func pipelineKeepsErrorsInPlace() async throws {
        try await withRedis { _, client in
            let replies = try await client.pipeline([
                RedisCommand("SET", "k", "v"), RedisCommand("INCR", "k"), RedisCommand("GET", "k"),
            ])
            #expect(replies.count == 3)
            #expect(replies[1].errorMessage?.contains("integer") == true)
            #expect(replies[2].text == "v")
            #expect(try await client.pipeline([]).isEmpty)
        }
    }

    @Test func fiftyThousandCommandsOf64TasksGetTheirOwnReplies() async throws {
        try await withRedis { _, client in
            let each = 50_000 / 64
            let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        var wrong = 0
                        for number in 0..<each {
                            let text = "\(task)-\(number)"
                            if try await client.send(RedisCommand("ECHO", text)).text != text { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(wrong == 0)
            #expect(client.pending == 0)
        }
    }

    @Test func databaseIsSelected() async throws {
        try await withRedis({ $0.database = 5 }) { _, client in
            let info = try await client.send(RedisCommand("CLIENT", "INFO"))
            #expect(info.text?.contains(" db=5 ") == true)
        }
    }

    @Test func passwordIsSentAndAWrongOneIsNamed() async throws {
        try await withRedis { server, client in
            _ = try await client.send(RedisCommand("ACL", "SETUSER", "booker", "on", ">se cret", "~*", "+@all"))
            _ = try await client.send(RedisCommand("ACL", "SETUSER", "default", "resetpass", ">other"))
            var right = try RedisConfiguration(url: "redis://booker:se%20cret@127.0.0.1:\(server.port)/0")
            right.connectTimeout = .seconds(2)
            try await withClient(right) { client in
                let name = try await client.send(RedisCommand("ACL", "WHOAMI"))
                #expect(name.text == "booker")
            }
            right.password = "wrong-secret"
            try await withClient(right) { client in
                let refused = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("PING")) }
                #expect(refused?.code == .notConnected)
                #expect(refused?.message.contains("WRONGPASS") == true)
                #expect(refused?.description.contains("wrong-secret") == false)
            }
        }
    }

    private func withClient(_ configuration: RedisConfiguration, _ body: (RedisClient) async throws -> Void) async throws {
        let client = RedisClient(configuration: configuration, logger: .init(label: "test"))
        try client.start()
        try await body(client)
        await client.shutdown()
    }
}
