import Domain
import PersonalData
import PostgresClient
import WorkerRuntime

/// The rows of `notifications`: written as sending before anything leaves, and ended after. Calls at the same time share their queries.
struct NotificationStore: Sendable {
    /// What is claimed in one go.
    struct Wish: Sendable {
        let notice: Notice
        /// Whether it comes too late; then a row says so, and nothing is sent.
        let isStale: Bool
    }

    /// What a claim gave.
    struct Claim: Sendable {
        /// What is to be sent.
        var letters: [Letter] = []
        /// What ended at once.
        var ended: [(channel: Channel, verdict: Verdict)] = []
    }

    /// Few commits rather than quick ones: a mail may take its time, and a sale shares the disk and the processors with it.
    private static let window = Duration.milliseconds(50)

    private let claims: Gatherer<Wish, Claim>
    private let endings: Gatherer<Ending, Void>
    private let database: PostgresClient
    private let writer: ClaimWriter

    private struct Ending: Sendable {
        let id: String
        let verdict: Verdict
    }

    /// - Parameter channels: what can be reached besides mail.
    init(database: PostgresClient, keys: PersonalDataKeys, identity: MessageIdentity, channels: Set<Channel>) {
        self.database = database
        let writer = ClaimWriter(keys: keys, identity: identity, channels: channels)
        self.writer = writer
        claims = Gatherer(limits: .init(window: Self.window, parallel: 1)) { wishes in try await database.transaction { try writer.claim(wishes, $0) }
        }
        endings = Gatherer(limits: .init(window: Self.window, parallel: 1)) { endings in
            _ = try await database.query(
                """
                UPDATE notifications n SET status = e.status, reason = e.reason, updated_at = now(),
                    sent_at = CASE e.status WHEN 'sent' THEN now() END
                FROM unnest($1::uuid[], $2::text[], $3::text[]) AS e (id, status, reason) WHERE n.id = e.id AND n.status = 'sending'
                """,
                [
                    .textArray(endings.map(\.id)), .textArray(endings.map(\.verdict.status)), .textArray(endings.map(\.verdict.reason)),
                ])
            return endings.map { _ in () }
        }
    }

    /// Makes the rows of a notice, or finds those of it that are still to be sent; what was sent, failed or skipped before is not among the letters.
    func claim(_ notice: Notice, isStale: Bool) async throws -> Claim { try await claims(Wish(notice: notice, isStale: isStale)) }

    /// The same for what the clock begins, of which no message comes again: of rows that are there only those that nobody has touched for a while, so
    /// that of many copies one sends each. The reminder of a person whose data cannot be read is a failed one.
    func claimByClock(_ notices: [Notice]) async throws -> [Claim] {
        let (writer, wishes) = (writer, notices.map { Wish(notice: $0, isStale: false) })
        return try await database.transaction { try writer.claim(wishes, byClock: true, $0) }
    }

    /// Ends a row.
    func end(_ letter: Letter, _ verdict: Verdict) async throws { try await endings(Ending(id: letter.id, verdict: verdict)) }

    /// Ends what is left of a message that stands among the dead letters, so that its user does not see it as on its way.
    func giveUp(_ notices: [(notice: Notice, reason: String)]) async throws {
        if notices.isEmpty { return }
        let templates = notices.flatMap { given in given.notice.occasion.channels.map { (given, given.notice.occasion.template(for: $0)) } }
        _ = try await database.query(
            """
            UPDATE notifications n SET status = 'given_up', reason = g.reason, updated_at = now()
            FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[]) AS g (entity_id, template, version, reason)
            WHERE n.entity_id = g.entity_id AND n.template = g.template AND n.version = g.version AND n.status = 'sending'
            """,
            [
                .textArray(templates.map(\.0.notice.entityID)), .textArray(templates.map(\.1)), .intArray(templates.map(\.0.notice.version)),
                .textArray(templates.map(\.0.reason)),
            ])
    }

    /// Rows that are about to be sent, in all copies: what a crash left, and what is on its way.
    func sendingCount() async throws -> Int64 {
        try await database.query("SELECT count(*) AS rows FROM notifications WHERE status = 'sending'", []).one().int64("rows")
    }
}
