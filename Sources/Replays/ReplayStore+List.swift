import PostgresClient

extension ReplayStore {
    /// The newest replays.
    func list(limit: Int) async throws -> [ReplaySummary] {
        try await select("ORDER BY r.created_at DESC LIMIT $1", [.int(Int64(limit))])
    }

    /// One replay; nil for an id that is not known.
    func find(_ id: String) async throws -> ReplaySummary? {
        try await select("WHERE r.id = $1", [.text(id)]).first
    }

    /// Rebuilds of a projection that succeeded before another, whose old tables may still be there.
    func earlierRebuilds(of projection: ProjectionName, than id: String) async throws -> [String] {
        try await database.query(
            "SELECT id FROM replays WHERE kind = 'rebuild' AND target = $1 AND id <> $2 AND status <> 'open'",
            [.text(projection.rawValue), .text(id)]
        ).map { try $0.string("id") }
    }

    private func select(_ clause: String, _ parameters: [PostgresValue]) async throws -> [ReplaySummary] {
        try await database.query(
            """
            SELECT r.id, r.kind, r.target, r.actor, r.request, r.report, r.error, p.total, p.read, p.taken,
                CASE WHEN r.status <> 'open' THEN r.status WHEN r.owner IS NOT NULL AND r.leased_until > now() THEN 'running' ELSE 'interrupted' END
                    AS status,
                to_char(r.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS created_at,
                to_char(r.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS updated_at
            FROM replays r CROSS JOIN LATERAL (
                SELECT coalesce(sum(until_offset - from_offset), 0)::bigint AS total, coalesce(sum(next_offset - from_offset), 0)::bigint AS read,
                    coalesce(sum(taken), 0)::bigint AS taken
                FROM replay_ranges WHERE replay_id = r.id) p
            \(clause)
            """, parameters
        ).map { row in
            ReplaySummary(
                id: try row.string("id"), kind: try row.string("kind"), target: try row.string("target"), actor: try row.string("actor"),
                request: try Self.request(row.string("request")),
                status: ReplaySummary.Status(rawValue: try row.string("status")) ?? .interrupted, read: try row.int64("read"),
                total: try row.int64("total"), taken: try row.int64("taken"), error: try row.optionalString("error"),
                report: try row.optionalString("report").map { try Self.report($0) }, createdAt: try row.string("created_at"),
                updatedAt: try row.string("updated_at"))
        }
    }
}
