import AuditLog
import KafkaClient
import PostgresClient
import WorkerRuntime

/// Reads what is told, and has it added to the audit, each batch in one transaction.
struct AuditHandler: BatchHandler {
    let writer: AuditWriter
    let database: PostgresClient

    func decode(_ message: KafkaMessage) throws -> AuditRecord? { try AuditRecord(message) }

    func apply(_ items: [BatchItem<AuditRecord>]) async throws -> [Refusal] {
        let (writer, records) = (writer, items.map(\.value))
        _ = try await database.transaction { connection in try writer.add(records, to: connection) }
        return []
    }
}
