import Domain
import PostgresClient

extension PostgresConnection {
    /// Begins sagas where there are none.
    /// - Returns: those that are new.
    func open(_ sagas: [Saga]) throws -> Set<PaymentID> {
        if sagas.isEmpty { return [] }
        var writer = JSONWriter(reserving: sagas.count * 600)
        writer.array { writer in
            for saga in sagas {
                writer.object {
                    saga.payment.write(&$0)
                    $0.member("deadline_ms", saga.deadline.ms)
                    $0.member("trace", saga.trace)
                }
            }
        }
        return try ids(of: query(Self.openSagas, [.text(String(decoding: writer.bytes, as: UTF8.self))]))
    }

    /// Reads sagas for messages.
    func read(_ wanted: [(payment: PaymentID, message: String)], group: String) throws -> [ReadingKey: PaymentStore.Reading] {
        if wanted.isEmpty { return [:] }
        let rows = try query(
            Self.readSagas, [.text(group), .textArray(wanted.map(\.payment.description)), .textArray(wanted.map(\.message))])
        var readings: [ReadingKey: PaymentStore.Reading] = [:]
        for row in rows {
            let saga = try Saga(row)
            let key = ReadingKey(payment: saga.payment.id, message: try row.string("message"))
            readings[key] = PaymentStore.Reading(
                saga: saga, isDone: try row.bool("is_done"), refund: try row.optionalString("refund_id").flatMap { RefundID($0) })
        }
        return readings
    }

    /// Writes transitions whose rows are still what was read.
    /// - Returns: the payments whose were.
    func write(_ steps: [SagaStep]) throws -> Set<PaymentID> {
        if steps.isEmpty { return [] }
        var writer = JSONWriter(reserving: steps.count * 400)
        writer.array { writer in
            for step in steps {
                let payment = step.to.payment
                writer.object {
                    $0.member("id", payment.id)
                    $0.member("from_state", step.from.state.rawValue)
                    $0.member("state", step.to.state.rawValue)
                    $0.member("status", payment.status.rawValue)
                    $0.member("version", payment.version)
                    $0.member("intent", ifPresent: step.to.intent)
                    $0.member("captured", step.to.capturedMinor)
                    $0.member("refunded", payment.refundedMinor)
                    $0.member("error_code", ifPresent: payment.errorCode)
                    $0.member("error_message", ifPresent: payment.errorMessage)
                    $0.member("updated_ms", payment.updatedAt.ms)
                }
            }
        }
        return try ids(of: query(Self.writeSteps, [.text(String(decoding: writer.bytes, as: UTF8.self))]))
    }

    private func ids(of rows: PostgresRows) throws -> Set<PaymentID> {
        Set(try rows.compactMap { PaymentID(try $0.string("id")) })
    }

    private static let openSagas = """
        WITH c AS (
            SELECT * FROM jsonb_to_recordset($1::jsonb) AS c (
                payment_id uuid, booking_id uuid, event_id uuid, user_id uuid, tenant_id uuid, method text, amount_minor bigint, currency text,
                status text, version bigint, created_at_ms bigint, operation_id uuid, deadline_ms bigint, trace text)
        ), p AS (
            INSERT INTO payments (id, tenant_id, booking_id, event_id, user_id, method, amount_minor, currency, status, version, created_at, updated_at)
            SELECT payment_id, tenant_id, booking_id, event_id, user_id, method, amount_minor, currency, status, version,
                to_timestamp(created_at_ms / 1000.0), to_timestamp(created_at_ms / 1000.0)
            FROM c ON CONFLICT (id) DO NOTHING
        )
        INSERT INTO saga_instances (id, tenant_id, booking_id, operation_id, state, deadline_at, wake_at, trace)
        SELECT payment_id, tenant_id, booking_id, operation_id, 'created', to_timestamp(deadline_ms / 1000.0),
            now() + interval '15 seconds', trace
        FROM c ON CONFLICT (id) DO NOTHING RETURNING id
        """

    private static let readSagas = """
        SELECT m.message, p.id, p.booking_id, p.event_id, p.user_id, p.tenant_id, p.method, p.amount_minor, p.currency, p.status, p.version,
            p.intent_id, p.captured_minor, p.refunded_minor, p.error_code, p.error_message,
            (extract(epoch FROM p.created_at) * 1000)::bigint AS created_ms, (extract(epoch FROM p.updated_at) * 1000)::bigint AS updated_ms,
            s.state, s.operation_id, s.wakes, s.trace, (extract(epoch FROM s.deadline_at) * 1000)::bigint AS deadline_ms,
            i.message_id IS NOT NULL AS is_done, r.id AS refund_id
        FROM unnest($2::uuid[], $3::text[]) AS m (id, message)
        JOIN payments p ON p.id = m.id
        JOIN saga_instances s ON s.id = m.id
        LEFT JOIN inbox i ON i.consumer_group = $1 AND i.message_id = m.message
        LEFT JOIN refunds r ON r.payment_id = m.id AND r.status = 'processing'
        """

    private static let writeSteps = """
        WITH n AS (
            SELECT * FROM jsonb_to_recordset($1::jsonb) AS n (
                id uuid, from_state text, state text, status text, version bigint, intent text, captured bigint, refunded bigint,
                error_code text, error_message text, updated_ms bigint)
        ), s AS (
            UPDATE saga_instances s SET state = n.state, updated_at = now(),
                wake_at = CASE WHEN n.state IN ('confirmed', 'failed') THEN NULL ELSE s.wake_at END
            FROM n WHERE s.id = n.id AND s.state = n.from_state RETURNING s.id
        )
        UPDATE payments p SET status = n.status, version = n.version, intent_id = n.intent, captured_minor = n.captured, refunded_minor = n.refunded,
            error_code = n.error_code, error_message = n.error_message, updated_at = to_timestamp(n.updated_ms / 1000.0)
        FROM n JOIN s ON s.id = n.id WHERE p.id = n.id RETURNING p.id
        """
}

extension Saga {
    /// Reads the columns of `readSagas`.
    init(_ row: PostgresRow) throws {
        func id<Kind>(_ column: String) throws -> Identifier<Kind> { try row.identifier(column) }
        let payment = Payment(
            id: try id("id"), booking: try id("booking_id"), event: try id("event_id"), user: try id("user_id"), tenant: try id("tenant_id"),
            method: try row.word("method"), amountMinor: try row.int64("amount_minor"), currency: try row.string("currency"),
            status: try row.word("status"), version: try row.int64("version"), refundedMinor: try row.int64("refunded_minor"),
            errorCode: try row.optionalString("error_code"), errorMessage: try row.optionalString("error_message"),
            createdAt: Timestamp(ms: try row.int64("created_ms")), updatedAt: Timestamp(ms: try row.int64("updated_ms")))
        self.init(
            payment: payment, state: try row.word("state"), intent: try row.optionalString("intent_id"),
            capturedMinor: try row.int64("captured_minor"), operation: try row.optionalString("operation_id").flatMap { OperationID($0) },
            deadline: Timestamp(ms: try row.int64("deadline_ms")), wakes: try row.int64("wakes"), trace: try row.string("trace"))
    }
}
