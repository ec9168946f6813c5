import Domain
import PostgresClient

/// The rows of jobs. A job is whoever's holds its lease; all that is written of it asks for that.
struct JobStore: Sendable {
    /// Jobs belong to the platform, not to a tenant.
    static let platform = TenantID(UUIDBits(high: 0, low: 0))

    let database: PostgresClient
    /// The name of this process, unique among all copies.
    let owner: String
    /// How long a job waits for its holder when that dies.
    let lease: Duration

    /// Writes a new job; one that is there stays as it is.
    func add(_ command: OpsCommand, trace: String) async throws(PostgresError) {
        _ = try await database.query(
            """
            INSERT INTO ops_jobs (id, user_id, type, command, trace) VALUES ($1::uuid, $2::uuid, $3, $4::json, $5) ON CONFLICT DO NOTHING
            """,
            [
                .text(command.operation.description), .text(command.user.description), .text(command.request.messageType.rawValue),
                .text(String(decoding: command.json, as: UTF8.self)), .text(trace),
            ])
    }

    /// Takes the oldest job that waits, or whose holder died, or whose end nobody was told.
    func take() async throws -> Job? {
        let rows = try await database.query(
            """
            UPDATE ops_jobs SET owner = $1, leased_until = now() + $2::bigint * interval '1 ms', updated_at = now()
            WHERE id = (
                SELECT id FROM ops_jobs WHERE NOT told AND leased_until <= now() ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING type, command::text AS command, trace, status, failures, error_code, error_message, report::text AS report
            """, [.text(owner), .int(lease.wholeMilliseconds)])
        return try rows.first.map(Self.job)
    }

    /// Prolongs the lease and writes how far the job is.
    /// - Parameter progress: JSON.
    /// - Returns: whether this process still holds the job.
    func keep(_ id: OperationID, progress: [UInt8]?) async throws(PostgresError) -> Bool {
        let rows = try await database.query(
            """
            UPDATE ops_jobs SET leased_until = now() + $3::bigint * interval '1 ms', progress = coalesce($4::json, progress), updated_at = now()
            WHERE id = $1::uuid AND owner = $2 AND status = 'running' RETURNING id
            """,
            [
                .text(id.description), .text(owner), .int(lease.wholeMilliseconds),
                PostgresValue(progress.map { String(decoding: $0, as: UTF8.self) }),
            ])
        return !rows.isEmpty
    }

    /// Gives a job back, for any copy to go on with after `pause`.
    func release(_ id: OperationID, after pause: Duration = .zero, failures: Int = 0) async throws(PostgresError) {
        _ = try await database.query(
            """
            UPDATE ops_jobs SET owner = NULL, leased_until = now() + $3::bigint * interval '1 ms', failures = failures + $4::int, updated_at = now()
            WHERE id = $1::uuid AND owner = $2
            """, [.text(id.description), .text(owner), .int(pause.wholeMilliseconds), .int(Int64(failures))])
    }

    /// Writes how a job ended, and its operation with it.
    /// - Parameter report: JSON.
    /// - Returns: whether this process still held the job; when not, nothing is written.
    func end(_ operation: Operation, report: [UInt8]?) async throws(PostgresError) -> Bool {
        let owner = owner
        return try await database.transaction { connection in
            let rows = try connection.query(
                """
                UPDATE ops_jobs SET status = $3, report = $4::json, error_code = $5, error_message = $6, updated_at = now()
                WHERE id = $1::uuid AND owner = $2 AND status = 'running' RETURNING id
                """,
                [
                    .text(operation.id.description), .text(owner), .text(operation.status.rawValue),
                    PostgresValue(report.map { String(decoding: $0, as: UTF8.self) }), PostgresValue(operation.errorCode?.rawValue),
                    PostgresValue(operation.errorMessage),
                ])
            if rows.isEmpty { return false }
            try Self.write(operation, connection)
            return true
        }
    }

    /// Writes the end of an operation whose job could not even be begun; where there is a job, it stands.
    /// - Returns: whether it was written.
    func refuse(_ operation: Operation) async throws(PostgresError) -> Bool {
        try await database.transaction { connection in
            let rows = try connection.query("SELECT id FROM ops_jobs WHERE id = $1::uuid", [.text(operation.id.description)])
            guard rows.isEmpty else { return false }
            try Self.write(operation, connection)
            return true
        }
    }

    /// When a job ended, as it was written.
    func ended(_ id: OperationID) async throws(PostgresError) -> Timestamp {
        let rows = try await database.query(
            "SELECT (extract(epoch FROM created_at) * 1000)::bigint AS ms FROM operations WHERE id = $1::uuid", [.text(id.description)])
        return Timestamp(ms: try rows.one().int64("ms"))
    }

    /// Notes that those who wait were told.
    func told(_ id: OperationID) async throws(PostgresError) {
        _ = try await database.query("UPDATE ops_jobs SET told = true, updated_at = now() WHERE id = $1::uuid", [.text(id.description)])
    }

    private static func write(_ operation: Operation, _ connection: PostgresConnection) throws {
        _ = try connection.query(
            """
            INSERT INTO operations (id, tenant_id, user_id, type, resource, status, version, error_code, error_message)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7::bigint, $8, $9) ON CONFLICT DO NOTHING
            """,
            [
                .text(operation.id.description), .text(platform.description), .text(operation.user.description), .text(operation.type),
                .text(operation.resource), .text(operation.status.rawValue), .int(operation.version), PostgresValue(operation.errorCode?.rawValue),
                PostgresValue(operation.errorMessage),
            ])
    }

    private static func job(_ row: PostgresRow) throws -> Job {
        guard let type = MessageType(rawValue: try row.string("type")), let status = Job.Status(rawValue: try row.string("status")) else {
            throw PostgresError(code: .decoding, operation: "read job", message: "the row holds what this build does not know")
        }
        let command = try OpsCommand(type, json: Array(try row.string("command").utf8))
        let error = try row.optionalString("error_code").flatMap(ErrorCode.init(rawValue:))
        let message = try row.optionalString("error_message") ?? ""
        let ended: Operation? =
            switch status {
            case .running: nil
            case .succeeded: command.pending.finished(error: nil)
            case .failed: command.pending.finished(error: (error ?? .internalError, message))
            }
        return Job(
            command: command, trace: try row.string("trace"), status: status, failures: Int(try row.int("failures")), ended: ended,
            report: try row.optionalString("report").map { Array($0.utf8) })
    }
}

extension Duration {
    /// Whole milliseconds; what is finer is cut off.
    var wholeMilliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
