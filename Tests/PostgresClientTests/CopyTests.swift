import PostgresClient
import Testing

@Suite struct CopyTests {
    private let awkward = ["plain", "tab\there", "line\nbreak", "return\r", "back\\slash", "\\N", "", "ünïcode 🎟️", "\"quoted\"", "\\."]

    @Test func tenThousandRowsArriveUnchanged() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "id bigint, note text, tags text[], blob bytea, flag bool")
            let awkward = awkward
            let start = ContinuousClock.now
            let copied = try await client.withConnection { connection in
                try connection.copyIn(
                    "COPY \(table) FROM STDIN",
                    rows: (0..<10_000).lazy.map { number in
                        let note = awkward[number % awkward.count]
                        return [
                            .int(Int64(number)), number % 7 == 0 ? .null : .text(note), .textArray([note, nil]),
                            .bytes([0, 92, UInt8(number % 256)]),
                            .bool(number % 2 == 0),
                        ]
                    })
            }
            print("PostgresClient: 10,000 rows by COPY in \(start.duration(to: .now))")
            #expect(copied == 10_000)
            let rows = try await client.query("SELECT * FROM \(table) ORDER BY id")
            #expect(rows.count == 10_000)
            for (number, row) in rows.enumerated() {
                let note = awkward[number % awkward.count]
                guard try row.int("id") == number, try row.optionalString("note") == (number % 7 == 0 ? nil : note),
                    try row.strings("tags") == [note, nil],
                    try row.bytes("blob") == [0, 92, UInt8(number % 256)], try row.bool("flag") == (number % 2 == 0)
                else {
                    Issue.record("row \(number) differs")
                    return
                }
            }
        }
    }

    @Test func failedCopyKeepsNothingAndTheConnectionServesOn() async throws {
        try await withPostgres({ $0.poolSize = 1 }) { client in
            let table = try await makeTable(client, "id int PRIMARY KEY, note text")
            let copy = "COPY \(table) (id, note) FROM STDIN"
            let backend = try await client.query("SELECT pg_backend_pid() AS pid").one().int("pid")
            let twice = await postgresError { try await client.withConnection { try $0.copyIn(copy, rows: [[1, "a"], [1, "b"]]) } }
            #expect(twice?.sqlState == "23505")
            let nul = await postgresError { try await client.withConnection { try $0.copyIn(copy, rows: [[1, "a"], [2, "b\0c"]]) } }
            #expect(nul?.code == .invalidParameter)
            let short = await postgresError { try await client.withConnection { try $0.copyIn(copy, rows: [[1]]) } }
            #expect(short?.sqlState == "22P04")
            let notCopy = await postgresError { try await client.withConnection { try $0.copyIn("SELECT 1", rows: []) } }
            #expect(notCopy?.code == .invalidParameter)
            let inScript = await postgresError { try await client.withConnection { try $0.execute(script: copy) } }
            #expect(inScript?.sqlState == "57014")
            #expect(try await client.query("SELECT * FROM \(table)").isEmpty)
            #expect(try await client.withConnection { try $0.copyIn(copy, rows: []) } == 0)
            #expect(try await client.query("SELECT pg_backend_pid() AS pid").one().int("pid") == backend)
        }
    }

    @Test func copyOutIsRefusedAndTheClientServesOn() async throws {
        try await withPostgres({ $0.poolSize = 1 }) { client in
            let error = await postgresError { try await client.withConnection { try $0.execute(script: "COPY (SELECT 1) TO STDOUT") } }
            #expect(error?.code == .invalidParameter)
            let rows = try await client.query("SELECT 1")
            #expect(rows.count == 1)
        }
    }
}
