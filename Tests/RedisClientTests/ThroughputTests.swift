import Logging
import RedisClient
import Testing

/// A figure rather than a proof: it fails only when pipelining is broken, not when the machine is busy.
@Suite(.serialized) struct ThroughputTests {
    @Test func manyTasksSharePipelinedWrites() async throws {
        try await withRedis { _, client in
            _ = try await client.send(RedisCommand("PING"))
            let total = 200_000
            let tasks = 256
            let start = ContinuousClock.now
            let replies = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<tasks {
                    group.addTask {
                        var replies = 0
                        for _ in 0..<total / tasks { if try await client.send(RedisCommand("GET", "none")).isNull { replies += 1 } }
                        return replies
                    }
                }
                return try await group.reduce(0, +)
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            print("RedisClient: \(Int(Double(total) / seconds)) commands/s from \(tasks) tasks")
            #expect(replies == total / tasks * tasks)
            #expect(Double(total) / seconds > 5_000)
        }
    }
}
