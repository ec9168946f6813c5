import Domain
import PostgresClient

/// Dead letters of one worker that failed for one reason in one place. Times are RFC 3339.
public struct DeadLetterGroup: Sendable, Encodable, Hashable {
    public let group: String
    public let errorClass: String
    public let site: String
    public let count: Int
    public let first: String
    public let last: String
    /// The latest of them.
    public let example: DeadLetterPlace
    /// What its error says.
    public let exampleError: String

    private enum CodingKeys: String, CodingKey {
        case group, site, count, first, last, example
        case errorClass = "error_class"
        case exampleError = "example_error"
    }

    init(_ row: PostgresRow) throws(PostgresError) {
        group = try row.string("consumer_group")
        errorClass = try row.string("error_class")
        site = try row.string("site")
        count = try row.int("count")
        first = Timestamp(ms: try row.int64("first_ms")).description
        last = Timestamp(ms: try row.int64("last_ms")).description
        example = try row.place()
        exampleError = try row.string("error")
    }

    static func query(_ condition: Condition) -> String {
        """
        WITH chosen AS (SELECT * FROM dead_letters WHERE \(condition.sql)),
        latest AS (
            SELECT DISTINCT ON (consumer_group, error_class, site) * FROM chosen
            ORDER BY consumer_group, error_class, site, last_failed_at DESC, topic, partition, record_offset DESC)
        SELECT l.consumer_group, l.error_class, l.site, c.count, c.first_ms, c.last_ms, l.topic, l.partition, l.record_offset, l.error
        FROM latest l JOIN (
            SELECT consumer_group, error_class, site, count(*) AS count, (extract(epoch FROM min(first_failed_at)) * 1000)::bigint AS first_ms,
                (extract(epoch FROM max(last_failed_at)) * 1000)::bigint AS last_ms
            FROM chosen GROUP BY 1, 2, 3) c USING (consumer_group, error_class, site)
        ORDER BY c.count DESC, 1, 2, 3
        """
    }
}
