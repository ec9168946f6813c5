import Domain
import FoundationEssentials
import KafkaClient
import PostgresClient

/// The rows of replays: what was asked for, who works at it, and how far it is.
struct ReplayStore: Sendable {
    /// How long a replay stays with who works at it, without a sign of life.
    static let lease = Duration.seconds(15)
    /// How often the lease is prolonged.
    static let heartbeat = Duration.seconds(4)

    let database: PostgresClient

    /// What is read of a partition, and how far that is.
    struct Stretch: Sendable, Hashable {
        let partition: KafkaTopicPartition
        let from: Int64
        let until: Int64
        var next: Int64
        var taken: Int64 = 0
    }

    /// A replay that was taken up.
    struct Work: Sendable {
        let id: String
        let request: ReplayRequest
        let stretches: [Stretch]
    }

    /// Writes down what is to be done, as work of `owner`.
    func insert(_ id: String, _ request: ReplayRequest, _ stretches: [Stretch], actor: String, owner: String) async throws {
        let json = try Self.json(request)
        do {
            try await database.transaction { connection in
                _ = try connection.query(
                    """
                    INSERT INTO replays (id, actor, kind, target, request, owner, leased_until)
                    VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7::double precision))
                    """,
                    [.text(id), .text(actor), .text(request.into.kind), .text(request.into.name), .text(json), .text(owner), Self.leaseSeconds])
                _ = try connection.query(
                    """
                    INSERT INTO replay_ranges (replay_id, topic, partition_id, from_offset, until_offset, next_offset)
                    SELECT $1::uuid, * FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
                    """,
                    [
                        .text(id), .textArray(stretches.map(\.partition.topic)), .intArray(stretches.map { Int64($0.partition.partition) }),
                        .intArray(stretches.map(\.from)), .intArray(stretches.map(\.until)), .intArray(stretches.map(\.next)),
                    ])
            }
        } catch {
            guard error.constraint == "replays_rebuilding" else { throw error }
            throw ReplayError(
                .busy, "begin", "a rebuild of \(request.into.name) is not at its end; resume it or forget it (rushctl replay list)", underlying: error
            )
        }
    }

    /// Takes a replay up that nobody works at.
    /// - Returns: nil when it has succeeded already.
    func claim(_ id: String, owner: String) async throws -> Work? {
        guard UUIDBits(id) != nil else { throw ReplayError(.notFound, "resume", "\(id) is no id of a replay") }
        return try await database.transaction { connection in
            let found = try connection.query(
                """
                SELECT request, status, error, leased_until > now() AND owner IS NOT NULL AS is_leased FROM replays WHERE id = $1 FOR UPDATE
                """, [.text(id)])
            guard let row = found.first else { throw ReplayError(.notFound, "resume", "there is no replay \(id)") }
            switch try row.string("status") {
            case "succeeded": return nil
            case "failed": throw ReplayError(.notFound, "resume", "replay \(id) has failed for good: \(try row.optionalString("error") ?? "")")
            default: break
            }
            if try row.bool("is_leased") {
                throw ReplayError(.busy, "resume", "somebody works at replay \(id); if that was killed, it can be resumed within \(Self.lease)")
            }
            _ = try connection.query(
                """
                UPDATE replays SET owner = $2, leased_until = now() + make_interval(secs => $3::double precision), error = NULL, updated_at = now()
                WHERE id = $1
                """, [.text(id), .text(owner), Self.leaseSeconds])
            return Work(id: id, request: try Self.request(row.string("request")), stretches: try Self.stretches(of: id, connection))
        }
    }

    /// Prolongs the lease; false when it is somebody else's by now.
    func keep(_ id: String, owner: String) async throws -> Bool {
        try await database.query(
            """
            UPDATE replays SET leased_until = now() + make_interval(secs => $3::double precision), updated_at = now()
            WHERE id = $1 AND owner = $2 AND status = 'open' RETURNING id
            """, [.text(id), .text(owner), Self.leaseSeconds]
        ).count == 1
    }

    /// Gives it back, to be resumed.
    func release(_ id: String, owner: String, error: String?) async throws {
        _ = try await database.query(
            "UPDATE replays SET owner = NULL, error = $3, updated_at = now() WHERE id = $1 AND owner = $2",
            [.text(id), .text(owner), PostgresValue(error)])
    }

    /// Writes how far it is; only what whoever has the lease writes counts.
    func progress(_ id: String, owner: String, next: [KafkaTopicPartition: Int64], taken: [KafkaTopicPartition: Int64]) async throws {
        let places = next.keys.sorted()
        let written = try await database.query(
            """
            UPDATE replay_ranges r SET next_offset = p.next_offset, taken = r.taken + p.taken, updated_at = now()
            FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[]) AS p (topic, partition_id, next_offset, taken), replays a
            WHERE r.replay_id = $1 AND r.topic = p.topic AND r.partition_id = p.partition_id AND a.id = r.replay_id AND a.owner = $2
            """,
            [
                .text(id), .text(owner), .textArray(places.map(\.topic)), .intArray(places.map { Int64($0.partition) }),
                .intArray(places.map { next[$0] }), .intArray(places.map { taken[$0] ?? 0 }),
            ])
        if written.affectedCount != places.count { throw ReplayError(.busy, "progress", "somebody else has taken replay \(id) over") }
    }

    /// Writes down that more is to be read.
    func lengthen(_ id: String, _ ranges: [KafkaTopicPartition: Range<Int64>]) async throws {
        let places = ranges.keys.sorted()
        _ = try await database.query(
            """
            INSERT INTO replay_ranges (replay_id, topic, partition_id, from_offset, until_offset, next_offset)
            SELECT $1::uuid, p.topic, p.partition_id, p.begin, p.until, p.begin
            FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS p (topic, partition_id, begin, until)
            ON CONFLICT (replay_id, topic, partition_id) DO UPDATE
            SET until_offset = greatest(replay_ranges.until_offset, excluded.until_offset), updated_at = now()
            """,
            [
                .text(id), .textArray(places.map(\.topic)), .intArray(places.map { Int64($0.partition) }),
                .intArray(places.map { ranges[$0]?.lowerBound }), .intArray(places.map { ranges[$0]?.upperBound }),
            ])
    }

    /// Writes down how far stretches are.
    func extend(_ id: String, _ stretches: [Stretch], on connection: PostgresConnection) throws {
        _ = try connection.query(
            """
            INSERT INTO replay_ranges (replay_id, topic, partition_id, from_offset, until_offset, next_offset, taken)
            SELECT $1::uuid, * FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
            ON CONFLICT (replay_id, topic, partition_id) DO UPDATE
            SET until_offset = excluded.until_offset, next_offset = excluded.next_offset, taken = excluded.taken, updated_at = now()
            """,
            [
                .text(id), .textArray(stretches.map(\.partition.topic)), .intArray(stretches.map { Int64($0.partition.partition) }),
                .intArray(stretches.map(\.from)), .intArray(stretches.map(\.until)), .intArray(stretches.map(\.next)),
                .intArray(stretches.map(\.taken)),
            ])
    }

    /// Writes that it succeeded.
    func succeed(_ report: ReplayReport, owner: String, on connection: PostgresConnection) throws {
        let written = try connection.query(
            """
            UPDATE replays SET status = 'succeeded', report = $3, owner = NULL, error = NULL, updated_at = now()
            WHERE id = $1 AND owner = $2 AND status = 'open' RETURNING id
            """, [.text(report.id), .text(owner), .text(try Self.json(report))])
        if written.isEmpty { throw ReplayError(.busy, "end", "somebody else has taken replay \(report.id) over") }
    }

    /// Writes that it never will; nobody must work at it.
    func giveUp(_ id: String, error: String) async throws {
        let written = try await database.query(
            """
            UPDATE replays SET status = 'failed', owner = NULL, error = $2, updated_at = now()
            WHERE id = $1 AND status = 'open' AND (owner IS NULL OR leased_until < now()) RETURNING id
            """, [.text(id), .text(error)])
        if written.isEmpty { throw ReplayError(.busy, "give up", "somebody works at replay \(id)") }
    }

    private static let leaseSeconds = PostgresValue.double(Double(lease.components.seconds))

    private static func stretches(of id: String, _ connection: PostgresConnection) throws -> [Stretch] {
        try connection.query(
            "SELECT topic, partition_id, from_offset, until_offset, next_offset, taken FROM replay_ranges WHERE replay_id = $1", [.text(id)]
        ).map { row in
            Stretch(
                partition: KafkaTopicPartition(topic: try row.string("topic"), partition: Int32(try row.int("partition_id"))),
                from: try row.int64("from_offset"), until: try row.int64("until_offset"), next: try row.int64("next_offset"),
                taken: try row.int64("taken"))
        }.sorted { $0.partition < $1.partition }
    }

    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func request(_ json: String) throws -> ReplayRequest { try JSONDecoder().decode(ReplayRequest.self, from: Data(json.utf8)) }

    static func report(_ json: String) throws -> ReplayReport {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(ReplayReport.self, from: Data(json.utf8))
    }
}
