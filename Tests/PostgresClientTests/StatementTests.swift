import PostgresClient
import Testing

@Suite struct StatementTests {
    @Test func statementIsPreparedOnceAndReused() async throws {
        try await withPostgres({ $0.poolSize = 1 }) { client in
            for number in 0..<50 { _ = try await client.query("SELECT $1::int + 1 AS n", [.int(Int64(number))]) }
            let prepared = try await client.query("SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1::int + 1%'").one()
            #expect(try prepared.int("n") == 1)
        }
    }

    @Test func preparedStatementsAreBounded() async throws {
        try await withPostgres({
            $0.poolSize = 1; $0.maxPreparedStatements = 5
        }) { client in
            for number in 0..<30 { #expect(try await client.query("SELECT \(number) AS n").one().int("n") == number) }
            let count = try await client.query("SELECT count(*) AS n FROM pg_prepared_statements").one()
            #expect(try count.int("n") <= 5)
        }
    }

    @Test func planMadeStaleByAMigrationIsPreparedAnew() async throws {
        try await withPostgres({ $0.poolSize = 1 }) { client in
            let table = try await makeTable(client, "a int")
            _ = try await client.query("SELECT * FROM \(table)")
            try await client.withConnection {
                try $0.execute(script: "ALTER TABLE \(table) ADD COLUMN b int DEFAULT 7; INSERT INTO \(table) VALUES (1)")
            }
            #expect(try await client.query("SELECT * FROM \(table)").one().int("b") == 7)
            try await client.withConnection { try $0.execute(script: "ALTER TABLE \(table) ADD COLUMN c int DEFAULT 8") }
            let row = try await client.transaction { try $0.query("SELECT * FROM \(table)").one() }
            #expect(try row.int("c") == 8)
            try await client.withConnection { try $0.execute(script: "DEALLOCATE ALL") }
            #expect(try await client.query("SELECT * FROM \(table)").count == 1)
        }
    }

    @Test func serverErrorCarriesStateAndNamesButNoValues() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "mail text CONSTRAINT mail_once UNIQUE, age int NOT NULL CHECK (age > 0)")
            let insert = "INSERT INTO \(table) (mail, age) VALUES ($1, $2)"
            _ = try await client.query(insert, ["jane@example.org", 30])
            let twice = await postgresError { try await client.query(insert, ["jane@example.org", 31]) }
            #expect(twice?.code == .server)
            #expect(twice?.sqlState == "23505")
            #expect(twice?.severity == "ERROR")
            #expect(twice?.constraint == "mail_once")
            #expect(twice?.table == table)
            #expect(twice?.disposition == .deadLetter)
            #expect(twice?.label == "server_23")
            let null = await postgresError { try await client.query(insert, ["jim@example.org", .null]) }
            #expect(null?.sqlState == "23502")
            #expect(null?.column == "age")
            let check = await postgresError { try await client.query(insert, ["jim@example.org", -1]) }
            #expect(check?.sqlState == "23514")
            let syntax = await postgresError { try await client.query("SELECT $1::text::int", ["jane@example.org"]) }
            #expect(syntax?.sqlState == "22P02")
            let wrong = await postgresError { try await client.query("SELEC 1") }
            #expect(wrong?.sqlState == "42601")
            let raised = await postgresError { try await client.withConnection { try $0.execute(script: "DO $$ BEGIN RAISE 'for jane'; END $$") } }
            #expect(raised?.sqlState == "P0001")
            for error in [twice, null, check, syntax, raised] {
                #expect(error?.description.contains("jane") == false)
                #expect(error?.description.contains("jim") == false)
            }
        }
    }

    @Test func scriptRunsManyStatementsAndStopsAtTheFirstError() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "n int")
            let error = await postgresError {
                try await client.withConnection {
                    try $0.execute(script: "INSERT INTO \(table) VALUES (1); INSERT INTO nowhere VALUES (1); SELECT 1")
                }
            }
            #expect(error?.sqlState == "42P01")
            #expect(error?.disposition == .fatal)
            #expect(try await client.query("SELECT * FROM \(table)").isEmpty)
        }
    }

    @Test func statementTimeoutIsTypedAndRestoredAfterTheJob() async throws {
        try await withPostgres({
            $0.poolSize = 1; $0.statementTimeout = .milliseconds(100)
        }) { client in
            let error = await postgresError { try await client.query("SELECT pg_sleep(5)") }
            #expect(error?.sqlState == "57014")
            #expect(error?.code == .server)
            #expect(error?.disposition == .retry)
            try await client.withConnection { connection in
                try connection.setStatementTimeout(.seconds(5))
                _ = try connection.query("SELECT pg_sleep(0.3)")
            }
            #expect(try await client.query("SHOW statement_timeout").one()[0] == "100ms")
        }
    }

    @Test func configurationIsCheckedAndHidesItsSecret() throws {
        let configuration = try PostgresConfiguration(url: "postgresql://user:hunter2@db:5433/rush")
        #expect("\(configuration)" == "postgresql://user:***@db:5433/rush")
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        for url in ["mysql://h", "host=h", "postgresql://h?nosuch=1", "postgresql://u:hunter2%zz@h/", "postgresql://u:hunter2@[::1/x"] {
            let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url) }
            #expect(error?.code == .configuration)
            #expect(error?.description.contains("hunter2") == false)
        }
    }
}
