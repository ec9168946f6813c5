import PostgresClient
import Synchronization
import Testing

@Suite struct PoolTests {
    @Test func manyTasksShareAFewConnections() async throws {
        try await withPostgres({ $0.poolSize = 3 }) { client in
            let total = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<500 { group.addTask { try await client.query("SELECT $1::int AS n", [.int(Int64(number))]).one().int("n") } }
                return try await group.reduce(0, +)
            }
            #expect(total == (0..<500).reduce(0, +))
            try await eventually("all connections are idle") { client.status.connected == 3 && client.status.idle == 3 }
            #expect(client.status.waiting == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func waitingIsBoundedTimedAndCancellable() async throws {
        try await withPostgres({
            $0.poolSize = 1; $0.maxWaiting = 2; $0.checkoutTimeout = .milliseconds(400)
        }) { client in
            let mayEnd = Mutex(false)
            let isRunning = Mutex(false)
            let holder = Task {
                try await client.withConnection { connection in
                    isRunning.withLock { $0 = true }
                    while !mayEnd.withLock({ $0 }) { _ = try connection.query("SELECT pg_sleep(0.01)") }
                }
            }
            try await eventually("the connection is busy") { isRunning.withLock { $0 } }

            let timed = Task { await postgresError { try await client.query("SELECT 1") } }
            try await eventually("one waits") { client.status.waiting == 1 }
            let cancelled = Task { await postgresError { try await client.query("SELECT 1") } }
            try await eventually("two wait") { client.status.waiting == 2 }
            let refused = await postgresError { try await client.query("SELECT 1") }
            #expect(refused?.code == .overloaded)
            #expect(refused?.disposition == .retry)
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            #expect(await timed.value?.code == .timeout)
            #expect(client.status.waiting == 0)

            mayEnd.withLock { $0 = true }
            try await holder.value
            #expect(try await client.query("SELECT 1").count == 1)
        }
    }

    @Test func taskCancelledBeforehandNeverRuns() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "n int")
            let errors = await withTaskGroup(of: PostgresError.Code?.self) { group in
                group.cancelAll()
                for _ in 0..<20 { group.addTask { await postgresError { try await client.query("INSERT INTO \(table) VALUES (1)") }?.code } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(errors == Array(repeating: .cancelled, count: 20))
            #expect(try await client.query("SELECT * FROM \(table)").isEmpty)
        }
    }

    @Test func shutdownFinishesWhatRunsAndRefusesTheRest() async throws {
        let cluster = try await TestPostgres.shared.value
        let client = PostgresClient(configuration: try PostgresConfiguration(url: cluster.url, poolSize: 1), logger: .init(label: "test"))
        let early = await postgresError { try await client.query("SELECT 1") }
        #expect(early?.code == .stopped)
        try client.start()
        let isRunning = Mutex(false)
        let running = Task {
            try await client.withConnection { connection in
                isRunning.withLock { $0 = true }
                return try connection.query("SELECT pg_sleep(0.2), 5 AS n").one().int("n")
            }
        }
        try await eventually("the job runs") { isRunning.withLock { $0 } }
        let waiting = Task { await postgresError { try await client.query("SELECT 1") } }
        try await eventually("one waits") { client.status.waiting == 1 }
        await client.shutdown()
        #expect(try await running.value == 5)
        #expect(await waiting.value?.code == .stopped)
        #expect(await postgresError { try await client.query("SELECT 1") }?.code == .stopped)
    }

    @Test func smallQueriesAreFast() async throws {
        try await withPostgres { client in
            let total = 8_000
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask { for _ in 0..<total / 16 { _ = try await client.query("SELECT $1::int", [1]) } }
                }
                try await group.waitForAll()
            }
            print("PostgresClient: \(Int(Double(total) / (start.duration(to: .now) / .seconds(1)))) small queries/s on 4 connections")
        }
    }
}
