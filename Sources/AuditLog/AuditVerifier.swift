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
                try connection.execute(script: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                defer { try? connection.execute(script: "COMMIT") }
                var walk = Walk(chain: chain, seal: seal)
                try walk.run(connection) { progress(before + $0) }
                return walk
            }
            report.chains += 1
            report.rows += walk.rows
            report.exportedRows += walk.exportedRows
            if let broken = walk.broken { report.broken.append(broken) }
        }
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

    /// Per partition, the offset of the message that is read next as far as the chains know.
    public func ends() async throws(PostgresError) -> [KafkaTopicPartition: Int64] {
        var ends: [KafkaTopicPartition: Int64] = [:]
        for row in try await database.query("SELECT topic, partition_id, next_offset FROM audit_chains", []) {
            ends[KafkaTopicPartition(topic: try row.string("topic"), partition: Int32(truncatingIfNeeded: try row.int64("partition_id")))] =
                try row.int64("next_offset")
        }
        return ends
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
