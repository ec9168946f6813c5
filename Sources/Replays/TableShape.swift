import PostgresClient

/// What a table in use has beside its rows, as the catalogue says: enough to give another table its place.
struct TableShape {
    struct Named {
        let name: String
        let definition: String
    }

    struct Incoming {
        /// The table whose rows refer to this one, with its schema.
        let table: String
        let name: String
        let definition: String
    }

    let table: String
    /// One line a column: name, type, whether it may be null, default.
    let columns: [String]
    /// Names of the columns, in order.
    let columnNames: [String]
    /// Primary key, unique and exclusion constraints; each makes its index.
    let keys: [Named]
    /// Indexes of their own, by the statement that makes them.
    let indexes: [Named]
    let foreignKeys: [Named]
    let incoming: [Incoming]
    /// GRANT statements but for the table's name, which stands as `%`.
    let grants: [String]
    let owner: String
    /// What hangs on the table and would be left behind.
    let obstacles: [String]
    /// What follows the columns where the table is made: how it is divided, and settings of its storage.
    let suffix: String
    /// The names of its partitions, which move with it.
    let partitions: [String]

    /// Reads the shape of `schema.table`.
    init(_ table: String, in schema: String, _ connection: PostgresConnection) throws {
        let name = PostgresValue.text("\(schema).\(table)")
        func named(_ sql: String) throws -> [Named] {
            try connection.query(sql, [name]).map { Named(name: try $0.string("name"), definition: try $0.string("definition")) }
        }
        self.table = table
        let found = try connection.query(
            """
            SELECT a.attname AS name, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
                AS line
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
            """, [name])
        columns = try found.map { try $0.string("line") }.sorted()
        columnNames = try found.map { try $0.string("name") }
        keys = try named(Self.constraints("'p', 'u', 'x'"))
        foreignKeys = try named(Self.constraints("'f'"))
        indexes = try named(
            """
            SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = $1::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid)
            ORDER BY c.relname
            """)
        incoming = try connection.query(
            """
            SELECT format('%I.%I', n.nspname, c.relname) AS referrer, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE k.contype = 'f' AND k.confrelid = $1::regclass AND k.conrelid <> k.confrelid ORDER BY 1, 2
            """, [name]
        ).map { Incoming(table: try $0.string("referrer"), name: try $0.string("name"), definition: try $0.string("definition")) }
        grants = try connection.query(Self.selectGrants, [name]).map { try $0.string("statement") }
        owner = try connection.query("SELECT quote_ident(pg_get_userbyid(relowner)) AS name FROM pg_class WHERE oid = $1::regclass", [name])
            .one().string("name")
        obstacles = try connection.query(Self.selectObstacles, [name]).map { try $0.string("what") }
        suffix = try connection.query(
            """
            SELECT coalesce(' PARTITION BY ' || pg_get_partkeydef(oid), '') || coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', '') AS suffix
            FROM pg_class WHERE oid = $1::regclass
            """, [name]
        ).one().string("suffix")
        partitions = try connection.query(
            """
            SELECT quote_ident(c.relname) AS name FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = $1::regclass AND p.relkind = 'p' ORDER BY 1
            """, [name]
        ).map { try $0.string("name") }
    }

    private static func constraints(_ types: String) -> String {
        """
        SELECT quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = $1::regclass AND contype IN (\(types)) ORDER BY conname
        """
    }

    private static let selectGrants = """
        SELECT format('GRANT %s%s ON %% TO %s%s', a.privilege_type, a.part, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
        FROM (
            SELECT x.grantee, x.privilege_type, x.is_grantable, '' AS part, c.relowner FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = $1::regclass
            UNION ALL
            SELECT x.grantee, x.privilege_type, x.is_grantable, format(' (%I)', t.attname), c.relowner
            FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) x WHERE c.oid = $1::regclass AND NOT t.attisdropped
        ) a WHERE a.grantee <> a.relowner ORDER BY 1
        """

    private static let selectObstacles = """
        SELECT format('trigger %s', tgname) AS what FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal
        UNION ALL SELECT format('policy %s', polname) FROM pg_policy WHERE polrelid = $1::regclass
        UNION ALL SELECT DISTINCT format('view %s', r.ev_class::regclass) FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
            WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass
        UNION ALL SELECT format('publication %s', p.pubname) FROM pg_publication_rel l JOIN pg_publication p ON p.oid = l.prpubid
            WHERE l.prrelid = $1::regclass
        UNION ALL SELECT format('child table %s', inhrelid::regclass) FROM pg_inherits JOIN pg_class p ON p.oid = inhparent
            WHERE inhparent = $1::regclass AND p.relkind <> 'p'
        """
}
