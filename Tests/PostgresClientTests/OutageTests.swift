import Glibc
import PostgresClient
import Synchronization
import Testing

/// Each test has a cluster of its own, because it stops it.
@Suite(.serialized) struct OutageTests {
    @Test(.timeLimit(.minutes(1))) func terminatedBackendIsATypedOutageAndTheNextQueryWorks() async throws {
        try await withPostgres({ $0.poolSize = 2 }) { client in
            let pid = Mutex(0)
            let victim = Task {
                await postgresError {
                    try await client.withConnection { connection in
                        let own = try connection.query("SELECT pg_backend_pid() AS pid").one().int("pid")
                        pid.withLock { $0 = own }
                        _ = try connection.query("SELECT pg_sleep(9)")
                    }
                }
            }
            try await eventually("the victim runs") {
                let own = pid.withLock { $0 }
                guard own != 0 else { return false }
                return try await client.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", [.int(Int64(own))]
                ).count == 1
            }
            let error = await victim.value
            #expect(error?.code == .connectionLost)
            #expect(error?.sqlState == "57P01")
            #expect(error?.disposition == .outage)
            #expect(try await client.query("SELECT 1").count == 1)
            try await eventually("both are connected again") { client.status.connected == 2 }
        }
    }

    @Test(.timeLimit(.minutes(1))) func connectionLostWhileIdleCostsNoQuery() async throws {
        try await withPostgres({
            $0.poolSize = 3; $0.applicationName = "victim"
        }) { client in
            try await withPostgres({
                $0.poolSize = 1; $0.applicationName = "killer"
            }) { killer in
                for _ in 0..<20 {
                    _ = try await client.query("SELECT 1")
                    _ = try await killer.query(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'victim'")
                    #expect(try await client.query("SELECT 1").count == 1)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func stoppedServerIsATypedOutageUntilItIsBack() async throws {
        let cluster = try await TestPostgres()
        try await withPostgres(on: cluster, { $0.connectTimeout = .seconds(1) }) { client in
            _ = try await client.query("SELECT 1")
            cluster.stop(SIGINT)
            let start = ContinuousClock.now
            let error = await postgresError { try await client.query("SELECT 1") }
            #expect(start.duration(to: .now) < .seconds(1.5))
            #expect(error?.disposition == .outage)
            try await eventually("every connection is lost") { client.status.connected == 0 }
            try await eventually("calls are refused at once") { await postgresError { try await client.query("SELECT 1") }?.code == .notConnected }
            try await cluster.start()
            try await eventually("connected again") { client.status.connected == 4 }
            #expect(try await client.query("SELECT 1").count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func killedServerUnderLoadGivesEveryCallerAResultOrATypedError() async throws {
        let cluster = try await TestPostgres()
        try await withPostgres(on: cluster) { client in
            let table = try await makeTable(client, "n int")
            let over = Counter()
            let load = Task {
                await withTaskGroup(of: [PostgresError.Code?: Int].self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            var outcomes: [PostgresError.Code?: Int] = [:]
                            while over.count == 0 {
                                let error = await postgresError {
                                    try await client.transaction { _ = try $0.query("INSERT INTO \(table) VALUES (1)") }
                                }
                                outcomes[error?.code, default: 0] += 1
                                // As a caller would: it does not hammer a server that is away.
                                if error != nil { try? await Task.sleep(for: .milliseconds(5)) }
                            }
                            return outcomes
                        }
                    }
                    return await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
                }
            }
            for _ in 0..<2 {
                try await eventually("jobs run") { client.status.active > 0 }
                cluster.stop(SIGQUIT)
                try await eventually("the loss was noticed") { client.status.connected == 0 }
                try await cluster.start()
                try await eventually("connected again") { client.status.connected == 4 }
            }
            over.increase()
            let outcomes = await load.value
            #expect(outcomes[nil, default: 0] > 0)
            #expect(Set(outcomes.keys.compactMap { $0 }).isSubset(of: [.connectionLost, .notConnected, .commitUnknown]))
            let rows = try await client.query("SELECT count(*) AS n FROM \(table)").one().int("n")
            #expect(rows >= outcomes[nil, default: 0])
            #expect(rows <= outcomes[nil, default: 0] + outcomes[.commitUnknown, default: 0])
        }
    }

    @Test(.timeLimit(.minutes(1))) func silentServerIsGivenUp() async throws {
        let pid = Mutex<Int32>(0)
        try await withPostgres({
            $0.poolSize = 1; $0.statementTimeout = .milliseconds(200); $0.answerGrace = .milliseconds(300)
        }) { client in
            let backend = try await client.query("SELECT pg_backend_pid() AS pid").one().int("pid")
            pid.withLock { $0 = Int32(backend) }
            kill(Int32(backend), SIGSTOP)
            defer { kill(Int32(backend), SIGCONT) }
            let start = ContinuousClock.now
            let error = await postgresError { try await client.query("SELECT 1") }
            #expect(error?.code == .timeout)
            #expect(error?.disposition == .outage)
            #expect(start.duration(to: .now) < .seconds(2))
            #expect(try await client.query("SELECT 1").count == 1)
        }
    }

    @Test func refusedConnectionFailsTheWaitingAtOnce() async throws {
        let configuration = try PostgresConfiguration(url: "postgresql://u:hunter2@127.0.0.1:1/x", connectTimeout: .seconds(1))
        let client = PostgresClient(configuration: configuration, logger: .init(label: "test"))
        try client.start()
        let error = await postgresError { try await client.query("SELECT 1") }
        #expect(error?.code == .notConnected)
        #expect(error?.message.contains("refused") == true)
        #expect(error?.description.contains("hunter2") == false)
        await client.shutdown()
    }
}
