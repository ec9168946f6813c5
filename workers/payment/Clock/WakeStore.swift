import BookingEngine
import Domain
import KafkaClient
import PostgresClient
import WorkerRuntime

/// Finds the rows whose time has come, and puts their next time off, so that of many copies one wakes each.
struct WakeStore: Sendable {
    /// Rows of a kind woken at a time.
    static let batch = 500

    let database: PostgresClient

    /// The messages that wake them. Each look at a row is a message of its own, hence the moment in its id.
    func due(at now: Timestamp) async throws -> [KafkaRecord] {
        let batch = PostgresValue.int(Int64(Self.batch))
        let (sagas, refunds, cancellations) = try await database.transaction { connection in
            (
                try connection.query(Self.wakeSagas, [batch]), try connection.query(Self.wakeRefunds, [batch]),
                try connection.query(Self.wakeCancellations, [batch])
            )
        }
        var records: [KafkaRecord] = []
        for row in Array(sagas) + Array(refunds) {
            let command = AdvanceCommand(payment: try row.identifier("payment_id"), booking: try row.identifier("booking_id"))
            records.append(
                record(.paymentAdvance, try row.string("id"), now, key: command.booking.description, try row.string("trace"), command.json))
        }
        for row in cancellations {
            let command = EventCancellation(
                operation: try row.identifier("operation_id"), event: try row.identifier("event_id"), user: try row.identifier("requested_by"),
                tenant: try row.identifier("tenant_id"))
            records.append(record(.paymentRefundEvent, command.event.description, now, key: command.event.description, "", command.json))
        }
        return records
    }

    private func record(
        _ type: MessageType, _ row: String, _ now: Timestamp, key: String, _ trace: String, _ value: [UInt8]
    ) -> KafkaRecord {
        CloudEvent(type: type, id: "\(row)/\(now.ms)/\(type.rawValue)", subject: key, time: now, trace: trace, value: value).record
    }

    // Longer and longer pauses, but there at the deadline, with a second for clocks that differ.
    private static let wakeSagas = """
        WITH due AS (
            SELECT id FROM saga_instances WHERE wake_at <= now() AND state NOT IN ('confirmed', 'failed')
            ORDER BY wake_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ), woken AS (
            UPDATE saga_instances s SET wakes = s.wakes + 1, updated_at = now(),
                wake_at = CASE WHEN s.deadline_at > now()
                    THEN least(s.deadline_at + interval '1 second', now() + least(interval '15 seconds' * power(2, least(s.wakes, 8)), interval '5 minutes'))
                    ELSE now() + least(interval '15 seconds' * power(2, least(s.wakes, 8)), interval '5 minutes') END
            FROM due WHERE s.id = due.id RETURNING s.id, s.id AS payment_id, s.booking_id, s.trace
        )
        SELECT * FROM woken
        """

    private static let wakeRefunds = """
        WITH due AS (
            SELECT id FROM refunds WHERE wake_at <= now() AND status = 'processing' ORDER BY wake_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        UPDATE refunds r SET wake_at = now() + least(greatest(now() - r.updated_at, interval '15 seconds'), interval '10 minutes')
        FROM due WHERE r.id = due.id RETURNING r.id, r.payment_id, r.booking_id, '' AS trace
        """

    private static let wakeCancellations = """
        WITH due AS (
            SELECT event_id FROM event_cancellations WHERE wake_at <= now() AND status = 'running'
            ORDER BY wake_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        UPDATE event_cancellations c SET wake_at = now() + interval '1 minute'
        FROM due WHERE c.event_id = due.event_id RETURNING c.event_id, c.operation_id, c.requested_by, c.tenant_id
        """
}
