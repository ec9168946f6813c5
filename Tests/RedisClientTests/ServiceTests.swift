import Logging
import RedisClient
import ServiceLifecycle
import Testing

@Suite struct ServiceTests {
    @Test(.timeLimit(.minutes(1))) func runEndsOnGracefulShutdown() async throws {
        let server = try await TestRedis()
        let client = RedisClient(configuration: server.configuration, logger: Logger(label: "test"))
        let group = ServiceGroup(services: [client], logger: Logger(label: "test"))
        let running = Task { try await group.run() }
        try await eventually("connected") { client.isConnected }
        _ = try await client.send(RedisCommand("PING"))
        await group.triggerGracefulShutdown()
        try await running.value
        let late = await redisError { () async throws(RedisError) in try await client.send(RedisCommand("PING")) }
        #expect(late?.code == .stopped)
    }

    @Test(.timeLimit(.minutes(1))) func runEndsWhenItsTaskIsCancelled() async throws {
        let server = try await TestRedis()
        let client = RedisClient(configuration: server.configuration, logger: Logger(label: "test"))
        let running = Task { try await client.run() }
        try await eventually("connected") { client.isConnected }
        running.cancel()
        try await running.value
        #expect(!client.isConnected)
    }
}
