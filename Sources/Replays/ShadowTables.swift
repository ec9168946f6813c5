import PostgresClient

/// Makes the tables of a projection anew, empty, beside those in use, and gives them their place.
struct ShadowTables: Sendable {
    let projection: ProjectionName
    let schemas: ShadowSchemas

    private var table: String { projection.table }
    private var made: String { "\(schemas.made).\(table)" }

    /// Makes the schema with its empty tables; nothing when it is there.
    func prepare(_ connection: PostgresConnection) throws {
        let isThere = try connection.query("SELECT 1 AS one FROM pg_namespace WHERE nspname = $1", [.text(schemas.made)])
        guard isThere.isEmpty else { return }
        let shape = try TableShape(table, in: "public", connection)
        if !shape.obstacles.isEmpty {
            throw ReplayError(.shape, "prepare", "the table \(table) cannot be exchanged while there are: \(shape.obstacles.joined(separator: ", "))")
        }
        try connection.execute(
            script: """
                CREATE SCHEMA \(schemas.made);
                CREATE TABLE \(made) (LIKE public.\(table) INCLUDING ALL EXCLUDING INDEXES);
                CREATE TABLE \(schemas.made).projection_offsets (LIKE public.projection_offsets INCLUDING ALL);
                """)
        // The rows are found by the primary key while they are made; all else comes when they are.
        for key in shape.keys where key.definition.hasPrefix("PRIMARY KEY") { try add(key, connection) }
        if projection == .bookings {
            try connection.execute(
                script: """
                    CREATE TABLE \(schemas.made).seat_zones (LIKE public.seat_zones INCLUDING ALL);
                    INSERT INTO \(schemas.made).seat_zones SELECT * FROM public.seat_zones;
                    UPDATE \(schemas.made).seat_zones SET available = capacity, held = 0, sold = 0, counts_version = 0;
                    """)
        }
    }

    /// Makes the indexes and keys that are missing.
    func index(_ connection: PostgresConnection) throws {
        let shape = try TableShape(table, in: "public", connection)
        let has = try TableShape(table, in: schemas.made, connection)
        guard shape.columns == has.columns else {
            throw ReplayError(.shape, "index", "the columns of \(table) were changed meanwhile; forget this rebuild and begin another")
        }
        for key in shape.keys where !has.keys.contains(where: { $0.name == key.name }) { try add(key, connection) }
        for index in shape.indexes where !has.indexes.contains(where: { $0.name == index.name }) {
            // The catalogue always writes the table with its schema, and the index's name without.
            try connection.execute(script: index.definition.replacing(" ON public.\(table) ", with: " ON \(made) ", maxReplacements: 1))
        }
        try connection.execute(script: "ANALYZE \(made)")
    }

    /// Gives the new table the place of the one in use, in the transaction that is open. Waits for readers.
    func swap(_ connection: PostgresConnection) throws {
        let old = "public.\(table)"
        try connection.execute(script: "LOCK TABLE \(old) IN ACCESS EXCLUSIVE MODE")
        let shape = try TableShape(table, in: "public", connection)
        let new = try TableShape(table, in: schemas.made, connection)
        guard shape.obstacles.isEmpty, shape.columns == new.columns, shape.keys.map(\.name) == new.keys.map(\.name),
            shape.indexes.map(\.name) == new.indexes.map(\.name)
        else { throw ReplayError(.shape, "swap", "the shape of \(table) was changed meanwhile; forget this rebuild and begin another") }
        var script = "CREATE SCHEMA \(schemas.replaced);\n"
        for key in shape.incoming { script += "ALTER TABLE \(key.table) DROP CONSTRAINT \(key.name);\n" }
        for key in shape.foreignKeys { script += "ALTER TABLE \(old) DROP CONSTRAINT \(key.name);\n" }
        script += """
            ALTER TABLE \(old) SET SCHEMA \(schemas.replaced);
            ALTER TABLE \(made) SET SCHEMA public;
            ALTER TABLE \(old) OWNER TO \(shape.owner);

            """
        for key in shape.foreignKeys { script += "ALTER TABLE \(old) ADD CONSTRAINT \(key.name) \(key.definition);\n" }
        for key in shape.incoming { script += "ALTER TABLE \(key.table) ADD CONSTRAINT \(key.name) \(key.definition);\n" }
        for grant in shape.grants { script += grant.replacing(" ON % TO ", with: " ON \(old) TO ", maxReplacements: 1) + ";\n" }
        try connection.execute(script: script)
    }

    private func add(_ key: TableShape.Named, _ connection: PostgresConnection) throws {
        try connection.execute(script: "ALTER TABLE \(made) ADD CONSTRAINT \(key.name) \(key.definition)")
    }
}
