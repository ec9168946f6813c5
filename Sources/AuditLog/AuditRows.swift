import Domain
import KafkaClient
import PostgresClient

/// Reads rows of `audit_logs`.
enum AuditRows {
    static let columns = """
        chain_id, seq, (extract(epoch FROM at) * 1000)::bigint AS at_ms, tenant_id, message_id, actor, action, entity, entity_id, outcome, \
        old_values::text AS old_values, new_values::text AS new_values, address, agent, request_id, trace_id, source_topic, source_partition, source_offset, \
        previous_hash, hash
        """

    static func row(_ row: PostgresRow) throws(PostgresError) -> AuditRow {
        guard let outcome = AuditEntry.Outcome(rawValue: try row.string("outcome")), let tenant = TenantID(try row.string("tenant_id")),
            let partition = Int32(exactly: try row.int64("source_partition"))
        else { throw PostgresError(code: .decoding, operation: "read row", message: "the row holds what this build does not know") }
        let record = AuditRecord(
            messageID: try row.string("message_id"), actor: try row.string("actor"), action: try row.string("action"),
            entity: try row.string("entity"), entityID: try row.string("entity_id"), outcome: outcome, tenant: tenant,
            old: try row.optionalString("old_values"), new: try row.optionalString("new_values"), address: try row.optionalString("address"),
            agent: try row.optionalString("agent"), requestID: try row.optionalString("request_id"), traceID: try row.optionalString("trace_id"),
            at: Timestamp(ms: try row.int64("at_ms")),
            source: KafkaTopicPartition(topic: try row.string("source_topic"), partition: partition), offset: try row.int64("source_offset"))
        return AuditRow(
            record: record, seq: try row.int64("seq"), previousHash: try row.bytes("previous_hash"), hash: try row.bytes("hash"))
    }
}
