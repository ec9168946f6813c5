public import Domain
public import KafkaClient
public import PostgresClient

/// What `operation.events` tell: a row of each operation that ended. Of each operation the first word stands.
///
/// In use the workers write the rows, each with the end that it tells of. This makes them again where they were lost or are to be checked.
public struct OperationProjection: Projection {
    /// An operation's end, and when it was told.
    public struct Item: Sendable {
        public let operation: Operation
        public let tenant: TenantID
        /// The record's time; the event itself has none.
        public let at: Timestamp
    }

    /// Where its table is.
    public let schema: String

    public init(schema: String = "public") {
        self.schema = schema
    }

    public func decode(_ message: KafkaMessage) throws -> Item {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        let (operation, tenant) = try Operation.read(eventJSON: value)
        return Item(operation: operation, tenant: tenant, at: Timestamp(ms: message.timestampMs ?? 0))
    }

    public func write(_ items: [Item], to connection: PostgresConnection) throws {
        let ends = Self.folded(items, key: \.operation.id, version: \.operation.version, order: { $0.bits < $1.bits })
        if ends.isEmpty { return }
        let operations = ends.map(\.operation)
        _ = try connection.query(
            """
            INSERT INTO \(schema).operations (id, tenant_id, user_id, type, resource, status, version, error_code, error_message, created_at, updated_at)
            SELECT o.id, o.tenant_id, o.user_id, o.type, o.resource, o.status, o.version, o.error_code, o.error_message,
                   to_timestamp(o.at_ms::double precision / 1000), to_timestamp(o.at_ms::double precision / 1000)
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[])
                 AS o (id, tenant_id, user_id, type, resource, status, version, error_code, error_message, at_ms)
            ON CONFLICT (id) DO NOTHING
            """,
            [
                .textArray(operations.map(\.id.description)), .textArray(ends.map(\.tenant.description)),
                .textArray(operations.map(\.user.description)), .textArray(operations.map(\.type)), .textArray(operations.map(\.resource)),
                .textArray(operations.map(\.status.rawValue)), .intArray(operations.map(\.version)),
                .textArray(operations.map(\.errorCode?.rawValue)), .textArray(operations.map(\.errorMessage)), .intArray(ends.map(\.at.ms)),
            ])
    }
}
