import Analytics
import Domain
import PostgresClient

/// Reads of the figures from PostgreSQL. Read only.
struct AnalyticsReports: Sendable {
    /// The figures of a day, a minute or an event, by currency.
    struct Line: Sendable {
        /// The day, the minute, or the event's id.
        let name: String
        var figures: [String: Figures] = [:]
        /// Of an event, where the catalogue has it.
        var slug: String?
        var title: String?
    }

    let database: PostgresClient

    /// Day by day; days on which nothing happened are left out.
    func days(_ period: AnalyticsPeriod, tenant: TenantID?, event: EventID? = nil) async throws(PostgresError) -> [Line] {
        let (condition, parameters) = Self.filter(tenant, event, [.text(period.from), .text(period.until)])
        return try Self.lines(
            try await database.query(
                """
                SELECT to_char(day, 'YYYY-MM-DD') AS name, currency, \(Self.sums) FROM analytics_daily
                WHERE day BETWEEN $1::date AND $2::date\(condition) GROUP BY day, currency ORDER BY day, currency
                """, parameters))
    }

    /// Minute by minute from a moment on; minutes in which nothing happened are left out.
    func minutes(since start: Timestamp, tenant: TenantID, event: EventID) async throws(PostgresError) -> [Line] {
        let (condition, parameters) = Self.filter(tenant, event, [.int(start.ms)])
        return try Self.lines(
            try await database.query(
                """
                SELECT to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS name, currency, \(Self.sums) FROM analytics_realtime
                WHERE minute >= timestamptz 'epoch' + $1::bigint * interval '1 ms'\(condition) GROUP BY minute, currency ORDER BY minute, currency
                """, parameters))
    }

    /// The events that sold most, and of equals those that were looked at most.
    func events(_ period: AnalyticsPeriod, tenant: TenantID?, limit: Int) async throws(PostgresError) -> [Line] {
        let (condition, parameters) = Self.filter(tenant, nil, [.text(period.from), .text(period.until), .int(Int64(limit))])
        return try Self.lines(
            try await database.query(
                """
                WITH counted AS (
                    SELECT event_id, currency, \(Self.sums) FROM analytics_daily WHERE day BETWEEN $1::date AND $2::date\(condition)
                    GROUP BY event_id, currency
                ), ranked AS (
                    SELECT event_id, row_number() OVER (ORDER BY sum(tickets_sold) DESC, sum(reservations) DESC, sum(views) DESC, event_id) AS place
                    FROM counted GROUP BY event_id
                )
                SELECT c.event_id AS name, c.*, e.slug, e.title FROM counted c JOIN ranked f ON f.event_id = c.event_id
                LEFT JOIN events e ON e.id = c.event_id WHERE f.place <= $3::bigint ORDER BY f.place, c.currency
                """, parameters), hasTitles: true)
    }

    /// A tenant by its slug.
    func tenant(_ slug: String) async throws(PostgresError) -> TenantID? {
        try await database.query("SELECT id FROM tenants WHERE slug = $1", [.text(slug)]).first?.id("id")
    }

    private static let sums = Figure.allCases.map { "sum(\($0.rawValue))::bigint AS \($0.rawValue)" }.joined(separator: ", ")

    private static func filter(_ tenant: TenantID?, _ event: EventID?, _ first: [PostgresValue]) -> (sql: String, [PostgresValue]) {
        var (sql, parameters) = ("", first)
        if let tenant {
            parameters.append(.text(tenant.description))
            sql += " AND tenant_id = $\(parameters.count)::uuid"
        }
        if let event {
            parameters.append(.text(event.description))
            sql += " AND event_id = $\(parameters.count)::uuid"
        }
        return (sql, parameters)
    }

    /// Rows of one name stand beside each other.
    private static func lines(_ rows: PostgresRows, hasTitles: Bool = false) throws(PostgresError) -> [Line] {
        var lines: [Line] = []
        for row in rows {
            let name = try row.string("name")
            if lines.last?.name != name {
                var line = Line(name: name)
                if hasTitles {
                    line.slug = try row.optionalString("slug")
                    line.title = try row.optionalString("title")
                }
                lines.append(line)
            }
            var figures = Figures()
            for figure in Figure.allCases { figures[figure] = try row.int64(figure.rawValue) }
            lines[lines.count - 1].figures[try row.string("currency"), default: Figures()] += figures
        }
        return lines
    }
}
