import PostgresClient

extension ShadowTables {
    /// Ids that a comparison names.
    private static let samples = 5

    /// The tables in use beside the new ones, as the transaction that is open sees them.
    /// - Parameter carried: rows that were taken over from the tables in use, by table.
    func compare(_ connection: PostgresConnection, carried: [String: Int64]) throws -> [TableComparison] {
        // The text of a time goes by the session.
        try connection.execute(script: "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'")
        var comparisons = try projection.tables.map { table in
            let shape = try TableShape(table.name, in: "public", connection)
            let columns = shape.columnNames.filter { !table.uncompared.contains($0) }.joined(separator: ", ")
            func rows(_ schema: String) -> String {
                "SELECT \(table.key) AS id, \(table.version) AS version, ROW(\(columns))::text AS row FROM \(schema).\(table.name)\(table.compared.map { " WHERE \($0)" } ?? "")"
            }
            return try compare(
                table.name, old: rows("public"), new: rows(schemas.made), carried: carried[table.name, default: 0], connection)
        }
        if projection == .bookings {
            func counts(_ schema: String) -> String {
                """
                SELECT id, counts_version AS version, ROW(id, capacity, available, held, sold, counts_version)::text AS row FROM \(schema).seat_zones WHERE counts_version > 0
                """
            }
            comparisons.append(try compare("seat_zones", old: counts("public"), new: counts(schemas.made), carried: 0, connection))
        }
        return comparisons
    }

    private func compare(
        _ table: String, old: String, new: String, carried: Int64, _ connection: PostgresConnection
    ) throws -> TableComparison {
        let (oldRows, oldHash) = try hash(old, connection)
        let (newRows, newHash) = try hash(new, connection)
        var (onlyOld, onlyNew, newer, different): (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
        var samples: [String] = []
        if (oldRows, oldHash) != (newRows, newHash) {
            let row = try connection.query(
                """
                WITH differences AS (
                    SELECT coalesce(o.id, n.id) AS id, o.id IS NULL AS is_new, n.id IS NULL AS is_old,
                        coalesce(n.version > o.version, false) AS is_newer
                    FROM (\(old)) o FULL JOIN (\(new)) n ON n.id = o.id WHERE o.row IS DISTINCT FROM n.row
                )
                SELECT count(*) FILTER (WHERE is_new) AS new, count(*) FILTER (WHERE is_old) AS old,
                    count(*) FILTER (WHERE is_newer) AS newer, count(*) FILTER (WHERE NOT is_new AND NOT is_old AND NOT is_newer) AS different,
                    (SELECT array_agg(id::text) FROM (SELECT id FROM differences ORDER BY is_new, is_newer, id LIMIT \(Self.samples)) s) AS samples
                FROM differences
                """, []
            ).one()
            (onlyNew, onlyOld) = (try row.int64("new"), try row.int64("old"))
            (newer, different) = (try row.int64("newer"), try row.int64("different"))
            samples = try row.optionalStrings("samples")?.compactMap { $0 } ?? []
        }
        return TableComparison(
            table: table, oldRows: oldRows, oldHash: oldHash, newRows: newRows, newHash: newHash, onlyOld: onlyOld, onlyNew: onlyNew,
            newer: newer, different: different, samples: samples, carried: carried)
    }

    /// The number of rows, and a hash that does not go by their order: the sums of two hashes of each row.
    private func hash(_ rows: String, _ connection: PostgresConnection) throws -> (Int64, String) {
        func sum(_ seed: Int) -> String {
            """
            lpad(to_hex(mod(coalesce(sum((hashtextextended(row, \(seed)) & 9223372036854775807)::numeric), 0), 9223372036854775808)::bigint), 16, '0')
            """
        }
        let row = try connection.query("SELECT count(*) AS rows, \(sum(0)) || \(sum(1)) AS hash FROM (\(rows)) r", []).one()
        return (try row.int64("rows"), try row.string("hash"))
    }
}
