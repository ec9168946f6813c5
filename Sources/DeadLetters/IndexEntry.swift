import Domain
import KafkaClient
import PostgresClient
import Topics

/// What the index takes from a record on a DLQ topic. Nothing in it is trusted to be well formed.
struct IndexEntry {
    /// How much of a value the search sees, in bytes.
    static let maxExcerptBytes = 8_192
    /// How much is kept of a text that others chose, in bytes.
    static let maxTextBytes = 1_024

    let message: KafkaMessage

    private func header(_ name: String) -> String? {
        message.headers.last { $0.name == name }.map { Self.text($0.value, limit: Self.maxTextBytes) }
    }
    private func header(_ name: DeadLetterHeader) -> String? { header(name.rawValue) }
    private func number(_ name: DeadLetterHeader) -> Int64? { header(name).flatMap { Int64($0) } }

    var place: DeadLetterPlace { DeadLetterPlace(topic: message.topic, partition: message.partition, offset: message.offset) }
    /// The group that owns the topic, whatever a header says.
    var group: String { String(message.topic.dropLast(DeadLetterIndex.suffix.count)) }
    var sourceTopic: String { header(.topic) ?? message.topic }
    var sourcePartition: Int32 { number(.partition).flatMap { Int32(exactly: $0) } ?? message.partition }
    var sourceOffset: Int64 { number(.offset) ?? message.offset }
    var redrives: Int { max(0, header(RedriveHeader.count.rawValue).flatMap { Int32($0) }.map { Int($0) } ?? 0) }

    /// How often, by whom and when: the row, its place first.
    func parameters(nowMs: Int64) -> [PostgresValue] {
        let last = header(.lastFailure).flatMap { Timestamp(rfc3339: $0) }?.ms ?? message.timestampMs ?? nowMs
        let first = header(.firstFailure).flatMap { Timestamp(rfc3339: $0) }?.ms ?? last
        let trace = header("traceparent").flatMap { $0.split(separator: "-").dropFirst().first }.map { String($0) }
        return [
            .text(message.topic), .int(Int64(message.partition)), .int(message.offset), .text(group),
            .text(header("ce_id") ?? "\(sourceTopic)/\(sourcePartition)/\(sourceOffset)"), .text(header("ce_type") ?? ""),
            .text(Self.text(message.key ?? [], limit: Self.maxTextBytes)), .text(Self.text(message.value ?? [], limit: Self.maxExcerptBytes)),
            .bytes(message.value ?? []), .text(sourceTopic), .int(Int64(sourcePartition)), .int(sourceOffset),
            .text(header(.errorClass) ?? "unknown"), .text(header(.site) ?? "unknown"), .text(header(.error) ?? ""),
            .int(number(.attempts).flatMap { Int32(exactly: $0) }.map { Int64($0) } ?? 1), .int(Self.clamped(first)), .int(Self.clamped(last)),
            PostgresValue(trace), .int(Int64(redrives)), PostgresValue(header(RedriveHeader.of.rawValue)),
        ]
    }

    static let insertion = """
        INSERT INTO dead_letters (topic, partition, record_offset, consumer_group, message_id, type, record_key, excerpt, value_hash,
            source_topic, source_partition, source_offset, error_class, site, error, attempts, first_failed_at, last_failed_at, trace_id, redrives,
            redrive_of, status, reason, decided_by, decided_at)
        SELECT $1, $2::int, $3::bigint, $4, $5, $6, $7, $8, sha256($9::bytea), $10, $11::int, $12::bigint, $13, $14, $15, $16::int,
            to_timestamp($17::bigint / 1000.0), to_timestamp($18::bigint / 1000.0), $19, $20::int, $21,
            CASE WHEN o.topic IS NULL THEN 'open' ELSE 'discarded' END,
            'a second copy of ' || o.topic || '/' || o.partition || '/' || o.record_offset,
            CASE WHEN o.topic IS NOT NULL THEN 'worker:index' END, CASE WHEN o.topic IS NOT NULL THEN now() END
        FROM (SELECT 1) AS one LEFT JOIN LATERAL (
            SELECT topic, partition, record_offset FROM dead_letters
            WHERE consumer_group = $4 AND source_topic = $10 AND source_partition = $11::int AND source_offset = $12::bigint AND redrives = $20::int
                AND value_hash = sha256($9::bytea) AND status <> 'discarded' AND (topic, partition, record_offset) <> ($1, $2::int, $3::bigint)
            LIMIT 1) AS o ON true
        ON CONFLICT DO NOTHING RETURNING 1
        """

    /// Whether a copy of this failure is known that was not put aside.
    static let known = """
        SELECT 1 FROM dead_letters WHERE consumer_group = $1 AND source_topic = $2 AND source_partition = $3::int AND source_offset = $4::bigint
            AND redrives = $5::int AND value_hash = sha256($6::bytea) AND status <> 'discarded' LIMIT 1
        """
    var knownParameters: [PostgresValue] {
        [
            .text(group), .text(sourceTopic), .int(Int64(sourcePartition)), .int(sourceOffset), .int(Int64(redrives)), .bytes(message.value ?? []),
        ]
    }

    /// Bytes as PostgreSQL takes a text; what is not UTF-8, or NUL, is replaced.
    static func text(_ bytes: [UInt8], limit: Int) -> String {
        String(decoding: bytes.prefix(limit).map { $0 == 0 ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }

    /// Within the years 0 and 9999.
    private static func clamped(_ ms: Int64) -> Int64 { min(max(ms, -62_135_596_800_000), 253_402_300_799_999) }
}
