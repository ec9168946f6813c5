import BookingEngine
import Domain
import PostgresClient

/// The payments that were open for holds, as PostgreSQL knows them: their records for those who read them, and the ends that Redis has forgotten.
///
/// A gateway's token is nowhere but in Redis; the payment worker calls off what needs it.
struct OpenPayments: Sendable {
    /// Payments read and written at a time.
    private static let batch = 1_000

    let database: PostgresClient
    let engine: BookingEngine

    /// - Returns: the events that follow, to be published.
    func restore(_ ids: [PaymentID]) async throws -> [OutboxEntry] {
        var entries: [OutboxEntry] = []
        for start in stride(from: 0, to: ids.count, by: Self.batch) {
            entries += try await restoreSome(Array(ids[start..<min(start + Self.batch, ids.count)]))
        }
        return entries
    }

    private func restoreSome(_ ids: [PaymentID]) async throws -> [OutboxEntry] {
        var entries: [OutboxEntry] = []
        let payments = try await read(ids)
        let sold = payments.filter { $0.status == .success }
        for outcome in try await engine.confirm(sold.map { .init(payment: $0, trace: "") }) {
            if case .success(.confirmed(let entry)) = outcome { entries.append(entry) }
        }
        let ended = payments.filter { $0.status == .failed || $0.status == .timeout }
        for outcome in try await engine.endPayments(ended.map { .init(payment: $0, trace: "") }) {
            if case .success(.ended(let entry, _, _)) = outcome { entries.append(entry) }
        }
        try await engine.put(payments)
        return entries
    }

    private func read(_ ids: [PaymentID]) async throws -> [Payment] {
        let rows = try await database.query(
            """
            SELECT id, booking_id, event_id, user_id, tenant_id, method, amount_minor, currency, status, version, refunded_minor, error_code,
                   error_message, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
                   (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
            FROM payments WHERE id = ANY($1::uuid[])
            """, [.textArray(ids.map(\.description))])
        var payments: [Payment] = []
        for row in rows {
            guard let id = PaymentID(try row.string("id")), let booking = BookingID(try row.string("booking_id")),
                let event = EventID(try row.string("event_id")), let user = UserID(try row.string("user_id")),
                let tenant = TenantID(try row.string("tenant_id")), let method = PaymentMethod(rawValue: try row.string("method")),
                let status = PaymentStatus(rawValue: try row.string("status"))
            else { throw RecoveryError(.unreadable, "a payment cannot be read") }
            payments.append(
                Payment(
                    id: id, booking: booking, event: event, user: user, tenant: tenant, method: method, amountMinor: try row.int64("amount_minor"),
                    currency: try row.string("currency"), status: status, version: try row.int64("version"),
                    refundedMinor: try row.int64("refunded_minor"), errorCode: try row.optionalString("error_code"),
                    errorMessage: try row.optionalString("error_message"), createdAt: Timestamp(ms: try row.int64("created_ms")),
                    updatedAt: Timestamp(ms: try row.int64("updated_ms"))))
        }
        return payments
    }
}
