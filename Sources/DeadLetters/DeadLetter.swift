import Domain
import PostgresClient

/// What the index knows of a dead letter. Times are RFC 3339.
public struct DeadLetter: Sendable, Encodable {
    public let place: DeadLetterPlace
    public let group: String
    public let status: DeadLetterFilter.Status
    /// `ce_id`, else where it first came from.
    public let messageID: String
    public let type: String
    /// The record's key as text.
    public let key: String
    /// Where it first came from, as `topic/partition/offset`.
    public let source: String
    public let errorClass: String
    public let site: String
    public let error: String
    public let attempts: Int
    public let firstFailedAt: String
    public let lastFailedAt: String
    public let traceID: String?
    /// How often the message had been redriven when it failed here.
    public let redrives: Int
    /// The dead letter that it was before it was redriven.
    public let redriveOf: String?
    /// The job that redrives it just now.
    public let claim: String?
    /// Who redrove or discarded it.
    public let decidedBy: String?
    public let decidedAt: String?
    /// Why it was discarded.
    public let reason: String?
    /// Where its copy was sent, as `topic/partition/offset`.
    public let redrivenTo: String?
    /// The id of a copy with another value.
    public let editedAs: String?

    private enum CodingKeys: String, CodingKey {
        case place, group, status, type, key, source, site, error, attempts, redrives, claim, reason
        case messageID = "message_id"
        case errorClass = "error_class"
        case firstFailedAt = "first_failed_at"
        case lastFailedAt = "last_failed_at"
        case traceID = "trace_id"
        case redriveOf = "redrive_of"
        case decidedBy = "decided_by"
        case decidedAt = "decided_at"
        case redrivenTo = "redriven_to"
        case editedAs = "edited_as"
    }

    static let columns = """
        topic, partition, record_offset, consumer_group, status, message_id, type, record_key, source_topic, source_partition, source_offset, \
        error_class, site, error, attempts, (extract(epoch FROM first_failed_at) * 1000)::bigint AS first_ms, \
        (extract(epoch FROM last_failed_at) * 1000)::bigint AS last_ms, trace_id, redrives, redrive_of, claim, redrive_partition, redrive_from, \
        decided_by, (extract(epoch FROM decided_at) * 1000)::bigint AS decided_ms, reason, redriven_to, edited_as
        """

    init(_ row: PostgresRow) throws(PostgresError) {
        place = try row.place()
        group = try row.string("consumer_group")
        status = DeadLetterFilter.Status(rawValue: try row.string("status")) ?? .open
        messageID = try row.string("message_id")
        type = try row.string("type")
        key = try row.string("record_key")
        source = "\(try row.string("source_topic"))/\(try row.int("source_partition"))/\(try row.int64("source_offset"))"
        errorClass = try row.string("error_class")
        site = try row.string("site")
        error = try row.string("error")
        attempts = try row.int("attempts")
        firstFailedAt = Timestamp(ms: try row.int64("first_ms")).description
        lastFailedAt = Timestamp(ms: try row.int64("last_ms")).description
        traceID = try row.optionalString("trace_id")
        redrives = try row.int("redrives")
        redriveOf = try row.optionalString("redrive_of")
        claim = try row.optionalString("claim")
        decidedBy = try row.optionalString("decided_by")
        decidedAt = try row.optionalInt64("decided_ms").map { Timestamp(ms: $0).description }
        reason = try row.optionalString("reason")
        redrivenTo = try row.optionalString("redriven_to")
        editedAs = try row.optionalString("edited_as")
    }
}

extension PostgresRow {
    func place() throws(PostgresError) -> DeadLetterPlace {
        DeadLetterPlace(
            topic: try string("topic"), partition: Int32(clamping: try int("partition")), offset: try int64("record_offset"))
    }
}
