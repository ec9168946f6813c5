import KafkaClient
public import PostgresClient

/// Adds rows to the audit, each behind the last one of its chain.
///
/// A chain belongs to a partition of a source topic. Its row in `audit_chains` is locked while rows are added, so copies that have the same partition for a
/// moment, or a redriven record of another copy's partition, add one after another. A message that is there already is passed over, and so is one of a month
/// that was exported and dropped: what was read once may be read again.
public struct AuditWriter: Sendable {
    private let seal: AuditSeal

    public init(seal: AuditSeal) {
        self.seal = seal
    }

    /// Adds what messages tell, in the transaction that is open.
    /// - Returns: how many rows it added.
    @discardableResult
    public func add(_ records: [AuditRecord], to connection: PostgresConnection) throws -> Int {
        if records.isEmpty { return 0 }
        var chains = try lock(Set(records.map(\.source)), connection)
        for record in records { chains[record.source]?.nextOffset.raise(to: record.offset + 1) }
        let new = try unknown(records, connection)
        if !new.isEmpty { try append(new, to: &chains, connection) }
        let ends = Array(chains.values)
        _ = try connection.query(
            """
            UPDATE audit_chains AS c SET seq = e.seq, hash = e.hash, next_offset = e.next_offset, updated_at = now()
            FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bigint[]) AS e (id, seq, hash, next_offset) WHERE c.id = e.id
            """,
            [
                .intArray(ends.map(\.id)), .intArray(ends.map(\.seq)), .bytesArray(ends.map(\.hash)), .intArray(ends.map(\.nextOffset)),
            ])
        return new.count
    }

    private func append(_ new: [AuditRecord], to chains: inout [KafkaTopicPartition: Chain], _ connection: PostgresConnection) throws {
        _ = try connection.query(
            "SELECT audit_month(d) FROM unnest($1::date[]) AS d", [.textArray(Set(new.map(\.monthText)).sorted())])
        let known = try before(new, connection)
        var latest: [Subject: (version: Int64, state: String)] = [:]
        var rows: [[PostgresValue]] = []
        rows.reserveCapacity(new.count)
        for (index, record) in new.enumerated() {
            guard var chain = chains[record.source] else { continue }
            var record = record
            if let version = record.state?.version, let state = record.new {
                let subject = Subject(kind: record.entity, id: record.entityID)
                record.old = [latest[subject], known[index]].compactMap { $0 }.filter { $0.version < version }.max { $0.version < $1.version }?.state
                if version > latest[subject]?.version ?? .min { latest[subject] = (version, state) }
            }
            let (seq, previous) = (chain.seq + 1, chain.hash)
            let hash = seal.hash(of: record, seq: seq, after: previous)
            rows.append(Self.fields(record, chain: chain.id, seq: seq, previous: previous, hash: hash))
            (chain.seq, chain.hash) = (seq, hash)
            chains[record.source] = chain
        }
        try connection.copyIn("COPY audit_logs (\(Self.columns)) FROM STDIN", rows: rows)
    }

    private struct Chain {
        let id: Int64
        var seq: Int64
        var hash: [UInt8]
        var nextOffset: Int64
    }

    private struct Subject: Hashable {
        let kind: String
        let id: String
    }

    /// The ends of the chains, locked in one order for all copies; those that are missing are begun.
    private func lock(_ sources: Set<KafkaTopicPartition>, _ connection: PostgresConnection) throws -> [KafkaTopicPartition: Chain] {
        let sources = sources.sorted()
        let places: [PostgresValue] = [.textArray(sources.map(\.topic)), .intArray(sources.map { Int64($0.partition) })]
        for attempt in 0...1 {
            var chains: [KafkaTopicPartition: Chain] = [:]
            let rows = try connection.query(
                """
                SELECT id, topic, partition_id, seq, hash, next_offset FROM audit_chains
                WHERE (topic, partition_id) IN (SELECT * FROM unnest($1::text[], $2::int[])) ORDER BY topic, partition_id FOR NO KEY UPDATE
                """, places)
            for row in rows {
                let source = KafkaTopicPartition(topic: try row.string("topic"), partition: Int32(truncatingIfNeeded: try row.int64("partition_id")))
                chains[source] = Chain(
                    id: try row.int64("id"), seq: try row.int64("seq"), hash: try row.bytes("hash"), nextOffset: try row.int64("next_offset"))
            }
            if chains.count == sources.count || attempt == 1 { return chains }
            _ = try connection.query(
                """
                INSERT INTO audit_chains (topic, partition_id, hash) SELECT topic, partition_id, $3 FROM unnest($1::text[], $2::int[]) AS s (topic, partition_id)
                ORDER BY topic, partition_id ON CONFLICT DO NOTHING
                """, places + [.bytes(AuditSeal.origin)])
        }
        return [:]
    }

    /// Those that are not there yet, each once, in their order.
    private func unknown(_ records: [AuditRecord], _ connection: PostgresConnection) throws -> [AuditRecord] {
        let exported = Set(try connection.query("SELECT month::text AS month FROM audit_exports").map { try $0.string("month") })
        var first: [String: Int] = [:]
        var fresh: [AuditRecord] = []
        for record in records where !exported.contains(record.monthText) && first.updateValue(1, forKey: record.identity) == nil {
            fresh.append(record)
        }
        // Row by row through the index: a join of the whole could read all partitions.
        let rows = try connection.query(
            """
            SELECT m.number FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS m (id, at, number)
            CROSS JOIN LATERAL (SELECT 1 FROM audit_logs AS a WHERE a.message_id = m.id AND a.at = m.at LIMIT 1) AS k
            """, [.textArray(fresh.map(\.messageID)), .textArray(fresh.map(\.at.description))])
        let there = Set(try rows.map { try $0.int("number") - 1 })
        return there.isEmpty ? fresh : fresh.enumerated().filter { !there.contains($0.offset) }.map(\.element)
    }

    /// What the newest row about each record's entity calls new, by the record's place. A first state has none before it, and is not asked for.
    private func before(_ records: [AuditRecord], _ connection: PostgresConnection) throws -> [Int: (version: Int64, state: String)] {
        let asking = records.enumerated().compactMap { index, record in
            record.state.flatMap { $0.isFirst(at: record.at) ? nil : (index: index, record: record, since: $0.since) }
        }
        if asking.isEmpty { return [:] }
        let rows = try connection.query(
            """
            SELECT b.number, k.version, k.state FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
                AS b (topic, id, since, until, number)
            CROSS JOIN LATERAL (
                SELECT a.new_values::text AS state, (a.new_values->>'version')::bigint AS version FROM audit_logs AS a
                WHERE a.entity_id = b.id AND a.source_topic = b.topic AND a.at >= b.since AND a.at <= b.until
                ORDER BY a.at DESC, a.chain_id DESC, a.seq DESC LIMIT 1) AS k
            """,
            [
                .textArray(asking.map(\.record.source.topic)), .textArray(asking.map(\.record.entityID)), .textArray(asking.map(\.since.description)),
                .textArray(asking.map(\.record.at.description)),
            ])
        var known: [Int: (version: Int64, state: String)] = [:]
        for row in rows {
            guard let state = try row.optionalString("state"), let version = try row.optionalInt64("version") else { continue }
            known[asking[try row.int("number") - 1].index] = (version, state)
        }
        return known
    }

    static let columns = """
        chain_id, seq, at, tenant_id, message_id, actor, action, entity, entity_id, outcome, old_values, new_values, address, agent, request_id, trace_id, \
        source_topic, source_partition, source_offset, previous_hash, hash
        """

    private static func fields(_ record: AuditRecord, chain: Int64, seq: Int64, previous: [UInt8], hash: [UInt8]) -> [PostgresValue] {
        [
            .int(chain), .int(seq), .text(record.at.description), .text(record.tenant.description), .text(record.messageID), .text(record.actor),
            .text(record.action), .text(record.entity), .text(record.entityID), .text(record.outcome.rawValue), PostgresValue(record.old),
            PostgresValue(record.new), PostgresValue(record.address), PostgresValue(record.agent), PostgresValue(record.requestID),
            PostgresValue(record.traceID), .text(record.source.topic), .int(Int64(record.source.partition)), .int(record.offset), .bytes(previous),
            .bytes(hash),
        ]
    }
}

extension Int64 {
    fileprivate mutating func raise(to other: Int64) { self = Swift.max(self, other) }
}

extension AuditRecord {
    /// The first day of its month.
    var monthText: String { "\(at.description.prefix(7))-01" }

    /// What a copy of the message has in common with it.
    var identity: String { "\(messageID) \(at.ms)" }
}
