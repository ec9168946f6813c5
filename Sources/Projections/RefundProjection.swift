public import Domain
public import KafkaClient
public import PostgresClient

/// What `refund.events` tell: a row of each refund, the vouchers that come with some, and how far cancelled events are given back.
///
/// In use the payment worker alone writes the tables, and each event follows a row. This makes the rows again where they were lost or are to be checked.
public struct RefundProjection: Projection {
    /// What a message tells.
    public enum Item: Sendable {
        case refund(Refund)
        case cancelled(CancelledEvent)
    }

    /// Where its tables are.
    public let schema: String

    public init(schema: String) {
        self.schema = schema
    }

    public func decode(_ message: KafkaMessage) throws -> Item {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        switch message.headers.text("ce_type").flatMap(MessageType.init(rawValue:)) {
        case .refundUpdated: return .refund(try Refund(json: value))
        case .eventCancelled: return .cancelled(try CancelledEvent(json: value))
        default: throw JSONError(path: ["ce_type"], reason: "is not known here")
        }
    }

    public func write(_ items: [Item], to connection: PostgresConnection) throws {
        var refunds: [Refund] = []
        var cancelled: [CancelledEvent] = []
        for item in items {
            switch item {
            case .refund(let refund): refunds.append(refund)
            case .cancelled(let event): cancelled.append(event)
            }
        }
        let states = Self.folded(refunds, key: \.id, version: \.version, order: { $0.bits < $1.bits })
        // Of a payment one may live, so what came to nothing makes room first.
        try write(states.filter { $0.status == .rejected || $0.status == .failed }, connection)
        try write(states.filter { $0.status != .rejected && $0.status != .failed }, connection)
        // A pass that found nothing left is the last word, whenever it was told.
        try write(
            Self.folded(cancelled, key: \.cancellation.event, version: { $0.isDone ? .max : $0.updatedAt.ms }, order: { $0.bits < $1.bits }),
            connection)
    }

    private func write(_ refunds: [Refund], _ connection: PostgresConnection) throws {
        if refunds.isEmpty { return }
        _ = try connection.query(
            upsertRefunds,
            [
                .textArray(refunds.map(\.id.description)), .textArray(refunds.map(\.tenant.description)),
                .textArray(refunds.map(\.payment.description)), .textArray(refunds.map(\.booking.description)),
                .textArray(refunds.map(\.event.description)), .textArray(refunds.map(\.user.description)),
                .textArray(refunds.map(\.cause.rawValue)), .intArray(refunds.map(\.percent)), .intArray(refunds.map(\.amountMinor)),
                .textArray(refunds.map(\.currency)), .textArray(refunds.map(\.status.rawValue)), .intArray(refunds.map(\.version)),
                .textArray(refunds.map(\.gatewayID)), .textArray(refunds.map(\.operation?.description)),
                .textArray(refunds.map(\.decidedBy?.description)), .textArray(refunds.map(\.errorCode)), .textArray(refunds.map(\.errorMessage)),
                .intArray(refunds.map(\.requestedAt.ms)), .intArray(refunds.map(\.createdAt.ms)), .intArray(refunds.map(\.updatedAt.ms)),
            ])
        let vouchers = refunds.filter { $0.voucherMinor != nil }
        if vouchers.isEmpty { return }
        _ = try connection.query(
            """
            INSERT INTO \(schema).vouchers (id, tenant_id, user_id, event_id, booking_id, amount_minor, currency, created_at, updated_at)
            SELECT v.id, v.tenant_id, v.user_id, v.event_id, v.booking_id, v.amount_minor, v.currency, to_timestamp(v.at_ms::double precision / 1000),
                   to_timestamp(v.at_ms::double precision / 1000)
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::bigint[])
                 AS v (id, tenant_id, user_id, event_id, booking_id, amount_minor, currency, at_ms)
            ON CONFLICT DO NOTHING
            """,
            [
                .textArray(vouchers.map(\.id.description)), .textArray(vouchers.map(\.tenant.description)),
                .textArray(vouchers.map(\.user.description)), .textArray(vouchers.map(\.event.description)),
                .textArray(vouchers.map(\.booking.description)), .intArray(vouchers.map(\.voucherMinor)), .textArray(vouchers.map(\.currency)),
                .intArray(vouchers.map(\.createdAt.ms)),
            ])
    }

    private func write(_ events: [CancelledEvent], _ connection: PostgresConnection) throws {
        if events.isEmpty { return }
        _ = try connection.query(
            """
            INSERT INTO \(schema).event_cancellations AS t (event_id, tenant_id, operation_id, requested_by, status, released, refunds, updated_at)
            SELECT c.event_id, c.tenant_id, c.operation_id, c.requested_by, c.status, c.released, c.refunds,
                   to_timestamp(c.updated_at_ms::double precision / 1000)
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
                 AS c (event_id, tenant_id, operation_id, requested_by, status, released, refunds, updated_at_ms)
            ON CONFLICT (event_id) DO UPDATE SET status = excluded.status, released = excluded.released, refunds = excluded.refunds,
                                                 updated_at = excluded.updated_at
            WHERE t.status = 'running' AND (excluded.status = 'done' OR t.updated_at < excluded.updated_at)
            """,
            [
                .textArray(events.map(\.cancellation.event.description)), .textArray(events.map(\.cancellation.tenant.description)),
                .textArray(events.map(\.cancellation.operation.description)), .textArray(events.map(\.cancellation.user.description)),
                .textArray(events.map { $0.isDone ? "done" : "running" }), .intArray(events.map(\.released)), .intArray(events.map(\.refunds)),
                .intArray(events.map(\.updatedAt.ms)),
            ])
    }

    private var upsertRefunds: String {
        """
        INSERT INTO \(schema).refunds AS t (id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status,
                                            version, gateway_id, operation_id, decided_by, error_code, error_message, requested_at, created_at, updated_at)
        SELECT r.id, r.tenant_id, r.payment_id, r.booking_id, r.event_id, r.user_id, r.cause, r.percent, r.amount_minor, r.currency, r.status,
               r.version, r.gateway_id, r.operation_id, r.decided_by, r.error_code, r.error_message,
               to_timestamp(r.requested_at_ms::double precision / 1000), to_timestamp(r.created_at_ms::double precision / 1000),
               to_timestamp(r.updated_at_ms::double precision / 1000)
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::int[], $9::bigint[], $10::text[],
                    $11::text[], $12::bigint[], $13::text[], $14::uuid[], $15::uuid[], $16::text[], $17::text[], $18::bigint[], $19::bigint[],
                    $20::bigint[])
             AS r (id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status, version, gateway_id,
                   operation_id, decided_by, error_code, error_message, requested_at_ms, created_at_ms, updated_at_ms)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, gateway_id = excluded.gateway_id,
                                       operation_id = excluded.operation_id, decided_by = excluded.decided_by, error_code = excluded.error_code,
                                       error_message = excluded.error_message, updated_at = excluded.updated_at
        WHERE t.version < excluded.version
        """
    }
}
