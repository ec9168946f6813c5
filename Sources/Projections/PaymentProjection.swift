public import Domain
public import KafkaClient
public import PostgresClient

/// What `payment.events` tell: a row of each payment, with how much of it was given back.
///
/// In use the payment worker alone writes the table, and each event follows a row of it. This makes the rows again where they were lost or are to be
/// checked. A payment that is pending is told of by no event, nor is one that rests between two.
public struct PaymentProjection: Projection {
    /// Where its table is.
    public let schema: String

    /// - Parameter schema: with `payments` and `saga_operations`, for which operation waits for which payment.
    public init(schema: String) {
        self.schema = schema
    }

    public func decode(_ message: KafkaMessage) throws -> Payment {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        return try Payment(json: value)
    }

    public func write(_ items: [Payment], to connection: PostgresConnection) throws {
        let payments = Self.folded(items, key: \.id, version: \.version, order: { $0.bits < $1.bits })
        if payments.isEmpty { return }
        _ = try connection.query(
            upsert,
            [
                .textArray(payments.map(\.id.description)), .textArray(payments.map(\.tenant.description)),
                .textArray(payments.map(\.booking.description)), .textArray(payments.map(\.event.description)),
                .textArray(payments.map(\.user.description)), .textArray(payments.map(\.method.rawValue)), .intArray(payments.map(\.amountMinor)),
                .textArray(payments.map(\.currency)), .textArray(payments.map(\.status.rawValue)), .intArray(payments.map(\.version)),
                .textArray(payments.map(\.intent)), .intArray(payments.map(\.capturedMinor)), .intArray(payments.map(\.refundedMinor)),
                .textArray(payments.map(\.errorCode)), .textArray(payments.map(\.errorMessage)), .intArray(payments.map(\.createdAt.ms)),
                .intArray(payments.map(\.updatedAt.ms)),
            ])
        let waiting = payments.filter { $0.operation != nil }
        if waiting.isEmpty { return }
        _ = try connection.query(
            """
            INSERT INTO \(schema).saga_operations (id, operation_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING
            """, [.textArray(waiting.map(\.id.description)), .textArray(waiting.map(\.operation?.description))])
    }

    private var upsert: String {
        """
        INSERT INTO \(schema).payments AS t (id, tenant_id, booking_id, event_id, user_id, method, amount_minor, currency, status, version, intent_id,
                                             captured_minor, refunded_minor, error_code, error_message, created_at, updated_at)
        SELECT p.id, p.tenant_id, p.booking_id, p.event_id, p.user_id, p.method, p.amount_minor, p.currency, p.status, p.version, p.intent_id,
               p.captured_minor, p.refunded_minor, p.error_code, p.error_message, to_timestamp(p.created_at_ms::double precision / 1000),
               to_timestamp(p.updated_at_ms::double precision / 1000)
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[],
                    $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[])
             AS p (id, tenant_id, booking_id, event_id, user_id, method, amount_minor, currency, status, version, intent_id, captured_minor,
                   refunded_minor, error_code, error_message, created_at_ms, updated_at_ms)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, intent_id = coalesce(excluded.intent_id, t.intent_id),
                                       captured_minor = excluded.captured_minor, refunded_minor = excluded.refunded_minor,
                                       error_code = excluded.error_code, error_message = excluded.error_message, updated_at = excluded.updated_at
        WHERE t.version < excluded.version
        """
    }
}
