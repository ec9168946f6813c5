import Domain
public import KafkaClient
public import PostgresClient

/// Walks the chains and finds what does not hold.
public struct AuditVerifier: Sendable {
    /// Rows that are read at once.
    static let batch = 5_000

    private let database: PostgresClient
    private let seal: AuditSeal

    public init(database: PostgresClient, seal: AuditSeal) {
        self.database = database
        self.seal = seal
    }

    /// Walks every chain from its first row to its end. The worker may go on meanwhile.
    /// - Parameter progress: told the rows that were read so far.
    /// - Returns: what was found; of each chain the first row that does not hold, since nothing after it says anything.
    public func verify(progress: @escaping @Sendable (Int) -> Void = { _ in }) async throws(PostgresError) -> AuditReport {
        var report = AuditReport()
        for chain in try await chains() {
            let seal = seal
            let before = report.rows
            let walk = try await database.withConnection { connection in
                // The lock comes before the snapshot, so that no month is dropped between the two.
                try connection.execute(script: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE audit_logs IN ACCESS SHARE MODE")
                defer { try? connection.execute(script: "COMMIT") }
                var walk = Walk(chain: chain, seal: seal)
                try walk.run(connection) { progress(before + $0) }
                return walk
            }
            report.chains += 1
            report.rows += walk.rows
            report.exportedRows += walk.exportedRows
            if walk.source.partition >= 0 { report.without[walk.source] = (walk.gaps, walk.reach) }
            if let broken = walk.broken { report.broken.append(broken) }
        }
        report.broken += try await forgedExports()
        return report
    }

    /// Of messages that were read once, those that the audit does not have: what a chain that was cut off together with its end cannot show.
    ///
    /// Copies of messages that it has, those of months that were exported, and those that are no audit record are left out.
    public func missing(_ messages: [KafkaMessage]) async throws(PostgresError) -> [AuditReport.Break] {
        try await missing(messages.compactMap { try? AuditRecord($0) })
    }

    /// The same of what messages tell.
    public func missing(_ records: [AuditRecord]) async throws(PostgresError) -> [AuditReport.Break] {
        if records.isEmpty { return [] }
        let rows = try await database.query(
            """
            SELECT m.number FROM unnest($1::text[], $2::timestamptz[], $3::date[]) WITH ORDINALITY AS m (id, at, month, number)
            WHERE NOT EXISTS (SELECT FROM audit_exports AS e WHERE e.month = m.month)
              AND NOT EXISTS (SELECT FROM audit_logs AS a WHERE a.message_id = m.id AND a.at = m.at OFFSET 0)
            ORDER BY m.number
            """, [.textArray(records.map(\.messageID)), .textArray(records.map(\.at.description)), .textArray(records.map(\.monthText))])
        var breaks: [AuditReport.Break] = []
        for row in rows {
            let record = records[try row.int("number") - 1]
            breaks.append(
                .init(
                    topic: record.source.topic, partition: record.source.partition, seq: nil, offset: record.offset, at: record.at.description,
                    kind: .missingAtEnd, detail: "the message was read, and there is no row of it"))
        }
        return breaks
    }

    /// Months that are said to be exported and were not: the worker passes their messages over, and nobody misses them.
    private func forgedExports() async throws(PostgresError) -> [AuditReport.Break] {
        try await database.query(
            """
            SELECT e.month::text AS month FROM audit_exports AS e
            WHERE e.row_count <> coalesce((SELECT sum(a.to_seq - a.from_seq + 1) FROM audit_anchors AS a WHERE a.month = e.month), 0)
                OR e.month + interval '1 month' > now() - interval '30 days' ORDER BY e.month
            """, []
        ).map { (row) throws(PostgresError) in
            AuditReport.Break(
                topic: "", partition: -1, seq: nil, offset: nil, at: try row.string("month"), kind: .anchor,
                detail: "the month is said to be exported, and the anchors do not say so")
        }
    }

    /// The chains that have an end, and those of which only rows are left.
    private func chains() async throws(PostgresError) -> [Int64] {
        // One step through the index a chain; a DISTINCT would read every row.
        try await database.query(
            """
            WITH RECURSIVE present AS (
                SELECT (SELECT min(chain_id) FROM audit_logs) AS id
                UNION ALL SELECT (SELECT min(chain_id) FROM audit_logs WHERE chain_id > present.id) FROM present WHERE present.id IS NOT NULL)
            SELECT id FROM present WHERE id IS NOT NULL UNION SELECT id FROM audit_chains ORDER BY id
            """, []
        ).map { (row) throws(PostgresError) in try row.int64("id") }
    }
}
