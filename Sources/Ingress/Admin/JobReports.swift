import Domain
import PostgresClient

/// Reads of operators' jobs from PostgreSQL. Read only.
struct JobReports: Sendable {
    let database: PostgresClient

    /// One job.
    func job(_ id: OperationID) async throws(PostgresError) -> JobReport? {
        let rows = try await database.query("SELECT \(Self.columns) FROM ops_jobs WHERE id = $1::uuid", [.text(id.description)])
        return try rows.first.map { (row) throws(PostgresError) in try Self.job(row) }
    }

    /// A page of all jobs, newest first.
    func jobs(_ page: Page) async throws(PostgresError) -> (rows: [JobReport], total: Int64) {
        let total = try await database.query("SELECT count(*) AS total FROM ops_jobs", [])
        let rows = try await database.query(
            "SELECT \(Self.columns) FROM ops_jobs ORDER BY id DESC LIMIT $1::bigint OFFSET $2::bigint",
            [.int(Int64(page.size)), .int(Int64(page.offset))])
        var jobs: [JobReport] = []
        for row in rows { jobs.append(try Self.job(row)) }
        return (jobs, try total[0].int64("total"))
    }

    // What an import brings is long and says nothing.
    private static let columns = """
        id, user_id, type, CASE WHEN type <> 'ops.import.v1' THEN (command->'request')::text END AS request, status, progress::text AS progress,
        report::text AS report, error_code, error_message, (extract(epoch FROM created_at) * 1000)::bigint AS created_at_ms,
        (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at_ms
        """

    private static func job(_ row: PostgresRow) throws(PostgresError) -> JobReport {
        JobReport(
            id: try row.id("id"), user: try row.id("user_id"), type: try row.string("type"), request: try row.optionalString("request"),
            status: try row.string("status"), progress: try row.optionalString("progress"), report: try row.optionalString("report"),
            errorCode: try row.optionalString("error_code"), errorMessage: try row.optionalString("error_message"),
            createdAt: Timestamp(ms: try row.int64("created_at_ms")), updatedAt: Timestamp(ms: try row.int64("updated_at_ms")))
    }
}

/// A job as PostgreSQL has it.
struct JobReport: Sendable {
    let id: OperationID
    /// Who wanted it.
    let user: UserID
    /// The command's type, `ops.redrive.v1`.
    let type: String
    /// JSON, as are ``progress`` and ``report``.
    let request: String?
    /// `running`, `succeeded` or `failed`.
    let status: String
    let progress: String?
    let report: String?
    let errorCode: String?
    let errorMessage: String?
    let createdAt: Timestamp
    let updatedAt: Timestamp

    /// How it looks in an answer.
    func write(_ writer: inout JSONWriter) {
        writer.object {
            $0.member("job_id", id)
            $0.member("user_id", user)
            $0.member("type", type)
            $0.member("status", status)
            if let request {
                $0.key("request")
                $0.raw(request)
            }
            if let progress {
                $0.key("progress")
                $0.raw(progress)
            }
            if let report {
                $0.key("report")
                $0.raw(report)
            }
            PaymentBody.writeError(&$0, errorCode, errorMessage)
            $0.member("created_at", createdAt.description)
            $0.member("updated_at", updatedAt.description)
        }
    }
}
