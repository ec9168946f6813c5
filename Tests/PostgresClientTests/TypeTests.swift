import PostgresClient
import Testing

@Suite struct TypeTests {
    @Test func valuesOfEveryTypeComeBackUnchanged() async throws {
        try await withPostgres { client in
            let bytes = (UInt8.min...UInt8.max).map { $0 }
            let row = try await client.query(
                "SELECT $1::text AS t, $2::bigint AS i, $3::bool AS b, $4::bytea AS y, $5::float8 AS d, $6::uuid AS u, $7::timestamptz AS z",
                [
                    "naïve ☕️ 'quoted' \"twice\" \\ \n", .int(.min), true, .bytes(bytes), .double(0.1), "0190c5e2-7a2b-7000-8000-000000000001",
                    "2030-01-02T03:04:05Z",
                ]
            ).one()
            #expect(try row.string("t") == "naïve ☕️ 'quoted' \"twice\" \\ \n")
            #expect(try row.int64("i") == .min)
            #expect(try row.bool("b"))
            #expect(try row.bytes("y") == bytes)
            #expect(try row.double("d") == 0.1)
            #expect(try row.string("u") == "0190c5e2-7a2b-7000-8000-000000000001")
            #expect(try row.string("z") == "2030-01-02 03:04:05+00")
            #expect(row[1] == String(Int64.min))
            #expect(row[99] == nil)
        }
    }

    @Test func nullIsNotEmpty() async throws {
        try await withPostgres { client in
            let row = try await client.query(
                "SELECT $1::text AS n, $2::text AS e, $3::bigint AS i, $4::bytea AS y, $5::bytea AS ye",
                [.null, "", .init(nil as Int64?), .init(nil as [UInt8]?), .bytes([])]
            ).one()
            #expect(try row.optionalString("n") == nil)
            #expect(try row.string("e") == "")
            #expect(try row.optionalInt("i") == nil)
            #expect(try row.optionalBytes("y") == nil)
            #expect(try row.bytes("ye") == [])
        }
    }

    @Test func arraysKeepQuotesBackslashesAndUnicode() async throws {
        let texts: [String?] = [
            "plain", "", "NULL", nil, "a,b", "{x}", "say \"hi\"", "back\\slash", "tab\tline\n", " spaced ", "日本語 🎟️", "'", "\\\"", "null",
        ]
        try await withPostgres { client in
            let rows = try await client.query(
                "SELECT e, pg_typeof(e)::text AS kind FROM unnest($1::text[]) WITH ORDINALITY AS x(e, n) ORDER BY n", [.textArray(texts)])
            #expect(rows.map { $0[0] } == texts)
            let row = try await client.query(
                "SELECT $1::text[] AS t, $2::bigint[] AS i, $3::bool[] AS b, $4::bytea[] AS y, $5::float8[] AS d, $6::text[] AS empty, ($4::bytea[])[1] AS first",
                [
                    .textArray(texts), .intArray([1, nil, .min, .max]), .boolArray([true, nil, false]), .bytesArray([[0, 255, 92], nil, []]),
                    .doubleArray([0.5, nil, .infinity]), .textArray([]),
                ]
            ).one()
            #expect(try row.strings("t") == texts)
            #expect(try row.strings("i") == ["1", nil, String(Int64.min), String(Int64.max)])
            #expect(try row.strings("b") == ["t", nil, "f"])
            #expect(try row.strings("y") == ["\\x00ff5c", nil, "\\x"])
            #expect(try row.strings("d") == ["0.5", nil, "Infinity"])
            #expect(try row.strings("empty") == [])
            #expect(try row.bytes("first") == [0, 255, 92])
        }
    }

    @Test func nulCharacterIsRefusedBeforeItIsCutOff() async throws {
        try await withPostgres { client in
            for value in [PostgresValue.text("a\0b"), .textArray(["ok", "a\0b"])] {
                let error = await postgresError { try await client.query("SELECT $1::text", [value]) }
                #expect(error?.code == .invalidParameter)
                #expect(error?.message.contains("$1") == true)
            }
        }
    }

    @Test func wrongReadNamesTheColumnAndNotTheValue() async throws {
        try await withPostgres { client in
            let row = try await client.query("SELECT 'jane@example.org'::text AS mail, NULL::int AS nothing").one()
            let errors = [
                #expect(throws: PostgresError.self) { try row.int("mail") }, #expect(throws: PostgresError.self) { try row.int("nothing") },
                #expect(throws: PostgresError.self) { try row.string("missing") }, #expect(throws: PostgresError.self) { try row.bool("mail") },
                #expect(throws: PostgresError.self) { try row.bytes("mail") }, #expect(throws: PostgresError.self) { try row.strings("mail") },
            ]
            #expect(errors.map { $0?.code } == Array(repeating: .decoding, count: 6))
            #expect(errors.map { $0?.column } == ["mail", "nothing", "missing", "mail", "mail", "mail"])
            for error in errors { #expect(error?.description.contains("jane") == false) }
            let none = try await client.query("SELECT 1 WHERE false")
            #expect(throws: PostgresError.self) { try none.one() }
        }
    }

    @Test func thousandsOfRowsGoInOneUnnest() async throws {
        try await withPostgres { client in
            let table = try await makeTable(client, "id text PRIMARY KEY, n bigint, note text")
            let ids = (0..<20_000).map { Optional("id-\($0)") }
            let start = ContinuousClock.now
            let rows = try await client.query(
                "INSERT INTO \(table) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])",
                [.textArray(ids), .intArray((0..<20_000).map { $0 }), .textArray(ids.map { _ in "a \"note\" \\ with escapes" })])
            print("PostgresClient: 20,000 rows by unnest in \(start.duration(to: .now))")
            #expect(rows.affectedCount == 20_000)
            #expect(try await client.query("SELECT count(DISTINCT note) FROM \(table)").one()[0] == "1")
        }
    }
}
