public import Domain
public import PostgresClient

/// What a consumer group has dealt with, in PostgreSQL: a row a message, with the messages that follow from it (ARCHITECTURE, Effects exactly once).
///
/// A handler writes the row with ``record(_:group:_:)`` in its last transaction. From then on the runtime does not call it for that message again: it sends
/// what follows, once more if need be with the same ids, and commits the source offset after the acknowledgements.
public struct Inbox: Sendable {
    /// One message that is dealt with.
    public struct Entry: Sendable {
        /// ``Delivery/id``.
        public let id: String
        public let tenant: TenantID
        /// What follows from it.
        public let derived: [OutgoingMessage]

        public init(id: String, tenant: TenantID, derived: [OutgoingMessage]) {
            self.id = id
            self.tenant = tenant
            self.derived = derived
        }
    }

    private let lookUp: Gatherer<String, [OutgoingMessage]?>

    public init(database: PostgresClient, group: String) {
        lookUp = Gatherer { ids in
            let rows = try await database.query(
                "SELECT message_id, derived::text AS derived FROM inbox WHERE consumer_group = $1 AND message_id = ANY($2::text[])",
                [.text(group), .textArray(ids)])
            var found: [String: [OutgoingMessage]] = [:]
            for row in rows { found[try row.string("message_id")] = try OutgoingMessage.parse(try row.string("derived")) }
            return ids.map { found[$0] }
        }
    }

    /// What follows from a message that was dealt with; nil when it was not. Calls at the same time share a query.
    public func derived(of id: String) async throws -> [OutgoingMessage]? { try await lookUp(id) }

    /// Writes rows, in the caller's transaction; of each message the first word stands.
    /// - Returns: the ids that are new. For the others the caller must not have its effect a second time.
    public static func record(_ connection: PostgresConnection, group: String, _ entries: [Entry]) throws(PostgresError) -> Set<String> {
        if entries.isEmpty { return [] }
        // All copies insert in the order of ids, so that they wait for each other rather than deadlock.
        let sorted = entries.sorted { $0.id < $1.id }
        let rows = try connection.query(
            """
            INSERT INTO inbox (consumer_group, message_id, tenant_id, derived)
            SELECT $1, m.id, m.tenant_id, m.derived::jsonb FROM unnest($2::text[], $3::uuid[], $4::text[]) AS m (id, tenant_id, derived)
            ON CONFLICT DO NOTHING RETURNING message_id
            """,
            [
                .text(group), .textArray(sorted.map(\.id)), .textArray(sorted.map(\.tenant.description)),
                .textArray(sorted.map { OutgoingMessage.json($0.derived) }),
            ])
        var new: Set<String> = []
        for row in rows { new.insert(try row.string("message_id")) }
        return new
    }
}
