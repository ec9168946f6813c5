import Domain
import PostgresClient

/// Reads of notifications from PostgreSQL. Read only.
struct NotificationReports: Sendable {
    let database: PostgresClient

    /// One user's, newest first.
    func notifications(of user: UserID, offset: Int, limit: Int) async throws(PostgresError) -> (rows: [NotificationReport], total: Int64) {
        let total = try await database.query("SELECT count(*) AS total FROM notifications WHERE user_id = $1::uuid", [.text(user.description)])
        let rows = try await database.query(
            """
            SELECT n.id, n.event_id, e.title, n.entity_type, n.entity_id, n.template, n.channel, n.status, n.reason,
                   (extract(epoch FROM n.created_at) * 1000)::bigint AS created_ms, (extract(epoch FROM n.sent_at) * 1000)::bigint AS sent_ms
            FROM notifications n LEFT JOIN events e ON e.id = n.event_id
            WHERE n.user_id = $1::uuid ORDER BY n.id DESC LIMIT $2::bigint OFFSET $3::bigint
            """, [.text(user.description), .int(Int64(limit)), .int(Int64(offset))])
        var reports: [NotificationReport] = []
        for row in rows { reports.append(try NotificationReport(row)) }
        return (reports, try total[0].int64("total"))
    }
}

/// One notification as its user sees it.
struct NotificationReport: Sendable {
    let id: String
    let event: EventID
    let title: String?
    let entityType: String
    let entityID: String
    let template: String
    let channel: String
    let status: String
    let reason: String?
    let createdAt: Timestamp
    let sentAt: Timestamp?

    init(_ row: PostgresRow) throws(PostgresError) {
        id = try row.string("id")
        event = try row.id("event_id")
        title = try row.optionalString("title")
        entityType = try row.string("entity_type")
        entityID = try row.string("entity_id")
        // The channel stands beside it.
        template = String(try row.string("template").prefix { $0 != "." })
        channel = try row.string("channel")
        status = try row.string("status")
        reason = try row.optionalString("reason")
        createdAt = Timestamp(ms: try row.int64("created_ms"))
        sentAt = try row.optionalInt64("sent_ms").map { Timestamp(ms: $0) }
    }

    /// The path of what it is about; a place in line has none of its own.
    private var resource: String? {
        switch entityType {
        case "booking": "/api/v1/bookings/\(entityID)"
        case "payment": "/api/v1/payments/\(entityID)"
        default: nil
        }
    }

    func write(_ writer: inout JSONWriter) {
        writer.object {
            $0.member("id", id)
            $0.member("type", template)
            $0.member("channel", channel)
            $0.member("status", status)
            $0.member("reason", ifPresent: reason)
            $0.member("event_id", event)
            $0.member("event_title", ifPresent: title)
            $0.member("resource", ifPresent: resource)
            $0.member("created_at", createdAt.description)
            $0.member("sent_at", ifPresent: sentAt?.description)
        }
    }
}
