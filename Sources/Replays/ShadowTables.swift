import PostgresClient

/// Makes the tables of a projection anew, empty, beside those in use, and gives them their place.
struct ShadowTables: Sendable {
    let projection: ProjectionName
    let schemas: ShadowSchemas

    /// The tables in use, with their schema.
    var used: String { projection.tables.map { "public.\($0.name)" }.joined(separator: ", ") }

    /// Makes the schema with its empty tables; nothing when it is there.
    func prepare(_ connection: PostgresConnection) throws {
        let isThere = try connection.query("SELECT 1 AS one FROM pg_namespace WHERE nspname = $1", [.text(schemas.made)])
        guard isThere.isEmpty else { return }
        try connection.execute(
            script: """
                CREATE SCHEMA \(schemas.made);
                CREATE TABLE \(schemas.made).projection_offsets (LIKE public.projection_offsets INCLUDING ALL);
                """)
        for table in projection.tables { try prepare(table.name, connection) }
        switch projection {
        case .bookings:
            try connection.execute(
                script: """
                    CREATE TABLE \(schemas.made).seat_zones (LIKE public.seat_zones INCLUDING ALL);
                    INSERT INTO \(schemas.made).seat_zones SELECT * FROM public.seat_zones;
                    UPDATE \(schemas.made).seat_zones SET available = capacity, held = 0, sold = 0, counts_version = 0;
                    """)
        case .payments:
            // What the sagas have beyond their payments.
            try connection.execute(script: "CREATE TABLE \(schemas.made).saga_operations (id uuid PRIMARY KEY, operation_id uuid NOT NULL)")
        case .refunds, .operations, .analytics: break
        }
    }

    private func prepare(_ table: String, _ connection: PostgresConnection) throws {
        let shape = try TableShape(table, in: "public", connection)
        if !shape.obstacles.isEmpty {
            throw ReplayError(.shape, "prepare", "the table \(table) cannot be exchanged while there are: \(shape.obstacles.joined(separator: ", "))")
        }
        try connection.execute(script: "CREATE TABLE \(made(table)) (LIKE public.\(table) INCLUDING ALL EXCLUDING INDEXES)\(shape.suffix)")
        // The rows are found by the primary key while they are made; all else comes when they are.
        for key in shape.keys where key.definition.hasPrefix("PRIMARY KEY") { try add(key, to: table, connection) }
    }

    private func made(_ table: String) -> String { "\(schemas.made).\(table)" }

    /// Makes the indexes and keys that are missing.
    func index(_ connection: PostgresConnection) throws {
        for table in projection.tables { try index(table.name, connection) }
    }

    private func index(_ table: String, _ connection: PostgresConnection) throws {
        let shape = try TableShape(table, in: "public", connection)
        let has = try TableShape(table, in: schemas.made, connection)
        guard shape.columns == has.columns else {
            throw ReplayError(.shape, "index", "the columns of \(table) were changed meanwhile; forget this rebuild and begin another")
        }
        for key in shape.keys where !has.keys.contains(where: { $0.name == key.name }) { try add(key, to: table, connection) }
        for index in shape.indexes where !has.indexes.contains(where: { $0.name == index.name }) {
            // The catalogue always writes the table with its schema, and the index's name without.
            try connection.execute(script: index.definition.replacing(" ON public.\(table) ", with: " ON \(made(table)) ", maxReplacements: 1))
        }
        try connection.execute(script: "ANALYZE \(made(table))")
    }

    /// Gives the new tables the place of those in use, in the transaction that is open. Waits for readers.
    func swap(_ connection: PostgresConnection) throws {
        try connection.execute(script: "LOCK TABLE \(used) IN ACCESS EXCLUSIVE MODE; CREATE SCHEMA \(schemas.replaced)")
        for table in projection.tables { try swap(table.name, connection) }
    }

    private func swap(_ table: String, _ connection: PostgresConnection) throws {
        let old = "public.\(table)"
        let shape = try TableShape(table, in: "public", connection)
        let new = try TableShape(table, in: schemas.made, connection)
        guard shape.obstacles.isEmpty, shape.columns == new.columns, shape.keys.map(\.name) == new.keys.map(\.name),
            shape.indexes.map(\.name) == new.indexes.map(\.name)
        else { throw ReplayError(.shape, "swap", "the shape of \(table) was changed meanwhile; forget this rebuild and begin another") }
        var script = ""
        for key in shape.incoming { script += "ALTER TABLE \(key.table) DROP CONSTRAINT \(key.name);\n" }
        for key in shape.foreignKeys { script += "ALTER TABLE \(old) DROP CONSTRAINT \(key.name);\n" }
        for partition in shape.partitions { script += "ALTER TABLE public.\(partition) SET SCHEMA \(schemas.replaced);\n" }
        script += """
            ALTER TABLE \(old) SET SCHEMA \(schemas.replaced);
            ALTER TABLE \(made(table)) SET SCHEMA public;
            ALTER TABLE \(old) OWNER TO \(shape.owner);

            """
        for partition in new.partitions {
            script += "ALTER TABLE \(made(partition)) SET SCHEMA public; ALTER TABLE public.\(partition) OWNER TO \(shape.owner);\n"
        }
        for key in shape.foreignKeys { script += "ALTER TABLE \(old) ADD CONSTRAINT \(key.name) \(key.definition);\n" }
        for key in shape.incoming { script += "ALTER TABLE \(key.table) ADD CONSTRAINT \(key.name) \(key.definition);\n" }
        for grant in shape.grants { script += grant.replacing(" ON % TO ", with: " ON \(old) TO ", maxReplacements: 1) + ";\n" }
        try connection.execute(script: script)
    }

    private func add(_ key: TableShape.Named, to table: String, _ connection: PostgresConnection) throws {
        try connection.execute(script: "ALTER TABLE \(made(table)) ADD CONSTRAINT \(key.name) \(key.definition)")
    }
}
