public import PostgresClient

/// The partitions of `events_raw`, one a month.
public struct AnalyticsPartitions: Sendable {
    /// Where the table is.
    public let schema: String

    public init(schema: String = "public") {
        self.schema = schema
    }

    /// Makes partitions that are missing, in the transaction that is open. Whoever writes meanwhile is not held up.
    public func make(_ months: some Sequence<Month>, on connection: PostgresConnection) throws(PostgresError) {
        let missing = Set(months).subtracting(try existing(on: connection))
        if missing.isEmpty { return }
        // Two makers take turns, and the second finds them made.
        try lock(connection)
        for month in missing.subtracting(try existing(on: connection)).sorted() {
            let partition = "\(schema).\(month.partition)"
            // Attaching waits for nobody who writes, as making it in place would.
            try connection.execute(
                script: """
                    CREATE TABLE \(partition) (LIKE \(schema).events_raw INCLUDING DEFAULTS);
                    ALTER TABLE \(schema).events_raw ATTACH PARTITION \(partition) FOR VALUES IN ('\(month.firstDay)');
                    """)
        }
    }

    /// Drops the partitions of months before one, in the transaction that is open.
    /// - Returns: how many.
    /// - Throws: also when whoever reads the table does not end within some seconds; it can be tried again.
    func drop(before first: Month, on connection: PostgresConnection) throws(PostgresError) -> Int {
        let old = try existing(on: connection).filter { $0 < first }.sorted()
        if old.isEmpty { return 0 }
        try lock(connection)
        try connection.execute(script: "SET LOCAL lock_timeout = '5s'")
        for month in old { try connection.execute(script: "DROP TABLE IF EXISTS \(schema).\(month.partition)") }
        return old.count
    }

    /// The months that have a partition.
    func existing(on connection: PostgresConnection) throws(PostgresError) -> Set<Month> {
        var months: Set<Month> = []
        for row in try connection.query(
            """
            SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass
            """, [.text("\(schema).events_raw")])
        {
            if let month = Month(partition: try row.string("name")) { months.insert(month) }
        }
        return months
    }

    private func lock(_ connection: PostgresConnection) throws(PostgresError) {
        _ = try connection.query("SELECT pg_advisory_xact_lock($1::int, hashtext($2))", [.int(Self.lock), .text(schema)])
    }

    /// An arbitrary number that only those lock who make or drop partitions. Each schema has a lock of its own: who makes tables anew while they hold up
    /// those who write must not wait for one of these.
    private static let lock: Int64 = 0x616e_616c
}

extension Month {
    /// Reads ``partition``.
    fileprivate init?(partition: String) {
        let digits = partition.split(separator: "_").compactMap { Int($0) }
        guard digits.count == 2, (1...12).contains(digits[1]) else { return nil }
        self = Month(year: digits[0], month: digits[1])
    }
}
