import Domain
import PostgresClient
import WorkerRuntime

extension PostgresConnection {
    /// Writes operations' ends, of each the first word, and the inbox rows with what follows.
    func record(_ endings: [Ending], group: String) throws {
        if endings.isEmpty { return }
        try finish(
            endings.compactMap { ending in ending.operation.map { ($0, ending.tenant) } }.sorted { $0.0.id.bits < $1.0.id.bits })
        _ = try Inbox.record(self, group: group, endings.map { Inbox.Entry(id: $0.message, tenant: $0.tenant, derived: $0.derived.messages) })
    }

    private func finish(_ operations: [(Operation, TenantID)]) throws {
        if operations.isEmpty { return }
        _ = try query(
            Self.insertOperations,
            [
                .textArray(operations.map(\.0.id.description)), .textArray(operations.map(\.1.description)),
                .textArray(operations.map(\.0.user.description)), .textArray(operations.map(\.0.type)), .textArray(operations.map(\.0.resource)),
                .textArray(operations.map(\.0.status.rawValue)), .intArray(operations.map(\.0.version)),
                .textArray(operations.map(\.0.errorCode?.rawValue)), .textArray(operations.map(\.0.errorMessage)),
            ])
    }

    private static let insertOperations = """
        INSERT INTO operations (id, tenant_id, user_id, type, resource, status, version, error_code, error_message)
        SELECT * FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
        ON CONFLICT DO NOTHING
        """
}
