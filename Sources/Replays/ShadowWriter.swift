import KafkaClient
import PostgresClient
import Projections

/// Writes a projection's messages into the tables that are being made, whatever the projection.
struct ShadowWriter: Sendable {
    /// How far the new tables are.
    let offsets: ProjectionOffsets
    private let write: @Sendable ([KafkaMessage], [KafkaTopicPartition: Int64]) async throws -> Int

    init(_ projection: ProjectionName, schema: String, database: PostgresClient) {
        let offsets = ProjectionOffsets(group: "replay", schema: schema)
        self.offsets = offsets
        func writer(_ rows: some Projection) -> @Sendable ([KafkaMessage], [KafkaTopicPartition: Int64]) async throws -> Int {
            let writer = ProjectionWriter(rows, offsets: offsets, database: database)
            return { try await writer.applyReadable($0, next: $1) }
        }
        write =
            switch projection {
            case .bookings: writer(BookingProjection(schema: schema))
            case .payments: writer(PaymentProjection(schema: schema))
            case .refunds: writer(RefundProjection(schema: schema))
            case .operations: writer(OperationProjection(schema: schema))
            case .analytics: ShadowAnalytics(schema: schema, group: offsets.group, database: database).apply
            }
    }

    /// Applies messages and notes how far that is.
    /// - Returns: how many could not be applied, and never can.
    func apply(_ messages: [KafkaMessage]) async throws -> Int { try await write(messages, messages.next) }
}
