import Domain
import PostgresClient

/// Where operations' ends are written, with the inbox rows that make each happen once; a batch in one transaction.
struct OperationStore: Sendable {
    let database: PostgresClient
    /// The consumer group, under which the inbox remembers messages.
    let group: String

    /// How one cancel ended.
    struct End: Sendable {
        typealias Reason = (code: ErrorCode, message: String)

        let operation: Operation
        let tenant: TenantID

        /// - Parameter error: why it failed; nil when it succeeded.
        init(of command: CancelCommand, error: Reason?) {
            operation = Operation(
                id: command.operation, user: command.user, type: "booking.cancel", resource: "/api/v1/bookings/\(command.booking)"
            ).finished(error: error)
            tenant = command.tenant
        }
    }

    /// How commands ended earlier; those that did not are left out.
    func ended(_ operations: [OperationID]) async throws(PostgresError) -> [OperationID: Operation] {
        if operations.isEmpty { return [:] }
        let rows = try await database.query(
            """
            SELECT m.id, o.user_id, o.type, o.resource, o.status, o.version, o.error_code, o.error_message
            FROM unnest($2::text[]) AS m (id)
            JOIN inbox i ON i.consumer_group = $1 AND i.message_id = m.id
            JOIN operations o ON o.id = m.id::uuid
            """, [.text(group), .textArray(operations.map(\.description))])
        var ended: [OperationID: Operation] = [:]
        for row in rows {
            guard let id = OperationID(try row.string("id")), let user = UserID(try row.string("user_id")) else { continue }
            ended[id] = Operation(
                id: id, user: user, type: try row.string("type"), resource: try row.string("resource"),
                status: Operation.Status(rawValue: try row.string("status")) ?? .failed, version: try row.int64("version"),
                errorCode: try row.optionalString("error_code").flatMap(ErrorCode.init(rawValue:)),
                errorMessage: try row.optionalString("error_message"))
        }
        return ended
    }

    /// Writes ends; of each operation the first word stands.
    /// - Returns: the ends as they stand, which may be those of an earlier try.
    func finish(_ ends: [End]) async throws(PostgresError) -> [OperationID: Operation] {
        if ends.isEmpty { return [:] }
        let unique = Dictionary(ends.map { ($0.operation.id, $0) }) { first, _ in first }
        let all = unique.values.sorted { $0.operation.id.bits < $1.operation.id.bits }
        let operations = all.map(\.operation)
        let columns: [PostgresValue] = [
            .text(group), .textArray(operations.map(\.id.description)), .textArray(all.map(\.tenant.description)),
            .textArray(operations.map(\.user.description)), .textArray(operations.map(\.type)), .textArray(operations.map(\.resource)),
            .textArray(operations.map(\.status.rawValue)), .intArray(operations.map(\.version)),
            .textArray(operations.map(\.errorCode?.rawValue)), .textArray(operations.map(\.errorMessage)),
        ]
        let written = try await database.transaction { connection in
            try connection.query(Self.insert, columns).map { try $0.string("id") }
        }
        var stand: [OperationID: Operation] = [:]
        for id in written.compactMap({ OperationID($0) }) { stand[id] = unique[id]?.operation }
        let others = operations.map(\.id).filter { stand[$0] == nil }
        if !others.isEmpty { stand.merge(try await ended(others)) { $1 } }
        return stand
    }

    /// The statuses that PostgreSQL reports of bookings, for those that Redis does not have.
    func reportedStatus(of bookings: [BookingID]) async throws(PostgresError) -> [BookingID: BookingStatus] {
        let rows = try await database.query(
            "SELECT id, status FROM bookings WHERE id = ANY($1::uuid[])", [.textArray(bookings.map(\.description))])
        var statuses: [BookingID: BookingStatus] = [:]
        for row in rows {
            if let id = BookingID(try row.string("id")) { statuses[id] = BookingStatus(rawValue: try row.string("status")) }
        }
        return statuses
    }

    // All copies insert in the order of ids, so that they wait for each other rather than deadlock.
    private static let insert = """
        WITH ends AS (
            SELECT * FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[])
                AS e (id, tenant_id, user_id, type, resource, status, version, error_code, error_message)
        ), new AS (
            INSERT INTO inbox (consumer_group, message_id, tenant_id) SELECT $1, e.id, e.tenant_id FROM ends e ORDER BY e.id
            ON CONFLICT DO NOTHING RETURNING message_id
        )
        INSERT INTO operations (id, tenant_id, user_id, type, resource, status, version, error_code, error_message)
        SELECT e.id::uuid, e.tenant_id, e.user_id, e.type, e.resource, e.status, e.version, e.error_code, e.error_message
        FROM ends e JOIN new ON new.message_id = e.id
        ON CONFLICT DO NOTHING RETURNING id
        """
}
