import Domain
import PostgresClient

/// Where an operation's end is written, with the inbox row that makes it happen once.
struct OperationStore: Sendable {
    let database: PostgresClient
    /// The consumer group, under which the inbox remembers messages.
    let group: String

    /// How a message ended earlier, `nil` when it did not.
    func ended(_ command: CancelCommand) async throws(PostgresError) -> Operation? {
        let rows = try await database.query(
            """
            SELECT o.type, o.resource, o.status, o.version, o.error_code, o.error_message
            FROM inbox i JOIN operations o ON o.id = $2::uuid WHERE i.consumer_group = $1 AND i.message_id = $3
            """, [.text(group), .text(command.operation.description), .text(command.operation.description)])
        guard let row = rows.first else { return nil }
        return Operation(
            id: command.operation, user: command.user, type: try row.string("type"), resource: try row.string("resource"),
            status: Operation.Status(rawValue: try row.string("status")) ?? .failed, version: try row.int64("version"),
            errorCode: try row.optionalString("error_code").flatMap(ErrorCode.init(rawValue:)), errorMessage: try row.optionalString("error_message"))
    }

    /// Writes the end; the first word stands.
    /// - Returns: the end as it stands, which may be that of an earlier try.
    func finish(_ operation: Operation, of command: CancelCommand) async throws(PostgresError) -> Operation {
        let group = group
        let isNew = try await database.transaction { connection in
            let inserted = try connection.query(
                "INSERT INTO inbox (consumer_group, message_id, tenant_id) VALUES ($1, $2, $3::uuid) ON CONFLICT DO NOTHING",
                [.text(group), .text(command.operation.description), .text(command.tenant.description)])
            if inserted.affectedCount == 0 { return false }
            _ = try connection.query(
                """
                INSERT INTO operations (id, tenant_id, user_id, type, resource, status, version, error_code, error_message)
                VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7::bigint, $8, $9) ON CONFLICT DO NOTHING
                """,
                [
                    .text(operation.id.description), .text(command.tenant.description), .text(operation.user.description), .text(operation.type),
                    .text(operation.resource), .text(operation.status.rawValue), .int(operation.version),
                    PostgresValue(operation.errorCode?.rawValue), PostgresValue(operation.errorMessage),
                ])
            return true
        }
        if isNew { return operation }
        return try await ended(command) ?? operation
    }

    /// The status that PostgreSQL reports of a booking, for one that Redis does not have.
    func reportedStatus(of booking: BookingID) async throws(PostgresError) -> BookingStatus? {
        let rows = try await database.query("SELECT status FROM bookings WHERE id = $1::uuid", [.text(booking.description)])
        return BookingStatus(rawValue: try rows.first?.string("status") ?? "")
    }
}
