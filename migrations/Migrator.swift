public import PostgresClient

/// Brings a database's schema up or down, one transaction a step, one migrator at a time.
public struct Migrator: Sendable {
    /// A step and when it was made, if it was.
    public struct Status: Sendable {
        public let migration: Migration
        /// RFC 3339, `nil` while the step is to be made.
        public let appliedAt: String?
    }

    private let database: PostgresClient

    public init(database: PostgresClient) {
        self.database = database
    }

    /// Makes the steps that are missing.
    /// - Returns: those that it made.
    public func up() async throws(PostgresError) -> [Migration] {
        try await steps { connection in
            let applied = try Self.applied(connection)
            var made: [Migration] = []
            for migration in Migration.all where applied[migration.number] == nil {
                try Self.transaction(connection) {
                    try connection.execute(script: migration.up)
                    _ = try connection.query(
                        "INSERT INTO schema_migrations (number, name) VALUES ($1::int, $2)", [.int(Int64(migration.number)), .text(migration.name)])
                }
                made.append(migration)
            }
            return made
        }
    }

    /// Takes back the newest `count` steps.
    /// - Returns: those that it took back, newest first.
    public func down(_ count: Int) async throws(PostgresError) -> [Migration] {
        try await steps { connection in
            let applied = try Self.applied(connection)
            var undone: [Migration] = []
            for migration in Migration.all.reversed().filter({ applied[$0.number] != nil }).prefix(count) {
                try Self.transaction(connection) {
                    try connection.execute(script: migration.down)
                    _ = try connection.query("DELETE FROM schema_migrations WHERE number = $1::int", [.int(Int64(migration.number))])
                }
                undone.append(migration)
            }
            return undone
        }
    }

    /// Every step, made or not.
    public func status() async throws(PostgresError) -> [Status] {
        try await steps { connection in
            let applied = try Self.applied(connection)
            return Migration.all.map { Status(migration: $0, appliedAt: applied[$0.number]) }
        }
    }

    /// Runs `body` on one connection under a lock of the database, so that two migrators take turns.
    private func steps<T: Sendable>(_ body: @escaping @Sendable (PostgresConnection) throws -> T) async throws(PostgresError) -> T {
        try await database.withConnection { connection in
            _ = try connection.query("SELECT pg_advisory_lock($1)", [.int(Self.lock)])
            defer { _ = try? connection.query("SELECT pg_advisory_unlock($1)", [.int(Self.lock)]) }
            try connection.execute(
                script: """
                    CREATE TABLE IF NOT EXISTS schema_migrations
                        (number int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
                    """)
            return try body(connection)
        }
    }

    private static func applied(_ connection: PostgresConnection) throws -> [Int: String] {
        let rows = try connection.query(
            "SELECT number, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS applied_at FROM schema_migrations", [])
        var applied: [Int: String] = [:]
        for row in rows { applied[Int(try row.int("number"))] = try row.string("applied_at") }
        return applied
    }

    private static func transaction(_ connection: PostgresConnection, _ body: () throws -> Void) throws {
        try connection.execute(script: "BEGIN")
        do {
            try body()
            try connection.execute(script: "COMMIT")
        } catch {
            try? connection.execute(script: "ROLLBACK")
            throw error
        }
    }

    /// An arbitrary number that only migrators lock.
    private static let lock: Int64 = 0x626f_6f6b
}
