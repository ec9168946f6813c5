import PostgresClient
import Synchronization
import Testing

@Suite struct TransactionTests {
    private struct OwnError: Error, Equatable {}

    @Test func thrownErrorRollsBackAndComesOutTyped() async throws {
        try await withPostgres({ $0.poolSize = 1 }) { client in
            let table = try await makeTable(client, "n int")
            let error = await postgresError {
                try await client.transaction { connection in
                    _ = try connection.query("INSERT INTO \(table) VALUES (1)")
                    throw OwnError()
                }
            }
            #expect(error?.code == .jobFailed)
            #expect(error?.underlying as? OwnError == OwnError())
            #expect(try await client.query("SELECT * FROM \(table)").isEmpty)
            try await client.transaction { _ = try $0.query("INSERT INTO \(table) VALUES (2)") }
            #expect(try await client.query("SELECT * FROM \(table)").count == 1)
        }
    }

    @Test func deadlockIsRunAgainUntilBothCommit() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "id int PRIMARY KEY, n int NOT NULL")
            _ = try await client.query("INSERT INTO \(table) VALUES (1, 0), (2, 0)")
            let attempts = Counter()
            // Both hold their first row before they want the other's.
            let holding = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (first, second) in [(1, 2), (2, 1)] {
                    group.addTask {
                        try await client.transaction { connection in
                            attempts.increase()
                            _ = try connection.query("UPDATE \(table) SET n = n + 1 WHERE id = $1", [.int(Int64(first))])
                            holding.increase()
                            while holding.count < 2 { _ = try connection.query("SELECT pg_sleep(0.005)") }
                            _ = try connection.query("UPDATE \(table) SET n = n + 1 WHERE id = $1", [.int(Int64(second))])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(attempts.count > 2)
            #expect(try await client.query("SELECT n FROM \(table)").map { $0[0] } == ["2", "2"])
        }
    }

    @Test func serializationFailuresAreRunAgain() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "n int NOT NULL")
            _ = try await client.query("INSERT INTO \(table) VALUES (0)")
            let succeeded = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var count = 0
                        for _ in 0..<10 {
                            let error = await postgresError {
                                try await client.transaction { connection in
                                    try connection.execute(script: "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                                    let now = try connection.query("SELECT n FROM \(table)").one().int("n")
                                    _ = try connection.query("UPDATE \(table) SET n = $1", [.int(Int64(now + 1))])
                                }
                            }
                            if error == nil { count += 1 } else { #expect(error?.isSerializationConflict == true) }
                        }
                        return count
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(try await client.query("SELECT n FROM \(table)").one().int("n") == succeeded)
            #expect(succeeded >= 20)
        }
    }

    @Test func conflictThatGoesOnIsThrownAfterTheLastAttempt() async throws {
        try await withPostgres { client in
            let attempts = Mutex(0)
            let error = await postgresError {
                try await client.transaction { connection in
                    attempts.withLock { $0 += 1 }
                    try connection.execute(script: "DO $$ BEGIN RAISE 'conflict' USING ERRCODE = '40001'; END $$")
                }
            }
            #expect(error?.sqlState == "40001")
            #expect(error?.disposition == .retry)
            #expect(attempts.withLock { $0 } == PostgresClient.transactionAttempts)
        }
    }

    @Test func ignoredErrorIsNotTakenForACommit() async throws {
        try await withPostgres { client in
            let error = await postgresError {
                try await client.transaction { connection in _ = try? connection.query("SELECT 1/0") }
            }
            #expect(error?.code == .transactionAborted)
        }
    }

    @Test func blockLeftOpenIsRolledBackAfterTheJob() async throws {
        try await withPostgres({ $0.poolSize = 1 }) { client in
            let table = try await makeTable(client, "n int")
            try await client.withConnection { try $0.execute(script: "BEGIN; INSERT INTO \(table) VALUES (1)") }
            #expect(try await client.query("SELECT * FROM \(table)").isEmpty)
        }
    }

    @Test func connectionLostInCommitIsUnknown() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "n int")
            try await client.withConnection {
                try $0.execute(
                    script: """
                        CREATE FUNCTION \(table)_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(8); RETURN NULL; END';
                        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON \(table) DEFERRABLE INITIALLY DEFERRED
                            FOR EACH ROW EXECUTE FUNCTION \(table)_slow()
                        """)
            }
            let commit = Task {
                await postgresError { try await client.transaction { _ = try $0.query("INSERT INTO \(table) VALUES (1)") } }
            }
            try await eventually("COMMIT is running") {
                try await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'PgSleep'")
                    .count > 0
            }
            let error = await commit.value
            #expect(error?.code == .commitUnknown)
            #expect(error?.disposition == .outage)
        }
    }
}
