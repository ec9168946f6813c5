import Domain
import PostgresClient

extension ShadowTables {
    /// Takes rows over that the topic does not tell of, or not yet: who writes a row tells of it then. Of bookings there are none.
    /// - Returns: how many rows are the old tables', by table.
    func carry(_ connection: PostgresConnection) throws -> [String: Int64] {
        let made = schemas.made
        switch projection {
        case .bookings, .analytics: return [:]
        case .payments:
            // Events of earlier builds do not have the intent.
            try connection.execute(
                script: """
                    UPDATE \(made).payments n SET intent_id = o.intent_id FROM public.payments o
                    WHERE o.id = n.id AND n.intent_id IS NULL AND o.intent_id IS NOT NULL AND o.version = n.version
                    """)
            // Between two events a row moves without a word.
            let isSilent = "n.version = o.version AND o.status IN ('pending', 'processing') AND o::text <> n::text"
            return ["payments": try carry("payments", where: "n.version < o.version OR (\(isSilent))", connection)]
        case .refunds:
            return [
                "refunds": try carry("refunds", where: "n.version < o.version", connection),
                "vouchers": try carry("vouchers", where: "false", connection),
                // Without a version; while it is under way the row is ahead of what was told.
                "event_cancellations": try carry(
                    "event_cancellations", key: "event_id", where: "n.status = 'running' OR o.status = 'running'", connection),
            ]
        case .operations:
            try connection.execute(
                script: """
                    UPDATE \(made).operations n SET created_at = o.created_at, updated_at = o.updated_at FROM public.operations o WHERE o.id = n.id
                    """)
            return ["operations": try carry("operations", where: "false", connection)]
        }
    }

    /// Takes the rows over that are missing, and those that are ahead by a sign: `o` is the row in use, `n` the new one.
    private func carry(_ table: String, key: String = "id", where isAhead: String, _ connection: PostgresConnection) throws -> Int64 {
        let made = "\(schemas.made).\(table)"
        _ = try connection.query("DELETE FROM \(made) n USING public.\(table) o WHERE n.\(key) = o.\(key) AND (\(isAhead))", [])
        let carried = try connection.query(
            "INSERT INTO \(made) SELECT o.* FROM public.\(table) o WHERE NOT EXISTS (SELECT 1 FROM \(made) n WHERE n.\(key) = o.\(key))", [])
        return Int64(carried.affectedCount)
    }

    /// Brings what hangs on the exchanged table in line with it.
    func follow(_ connection: PostgresConnection) throws {
        switch projection {
        case .bookings:
            try connection.execute(
                script: """
                    UPDATE public.seat_zones z SET capacity = n.capacity, available = n.available, held = n.held, sold = n.sold,
                        counts_version = n.counts_version, updated_at = now()
                    FROM \(schemas.made).seat_zones n
                    WHERE n.id = z.id AND n.counts_version > 0 AND (z.capacity, z.available, z.held, z.sold, z.counts_version)
                        IS DISTINCT FROM (n.capacity, n.available, n.held, n.sold, n.counts_version)
                    """)
        case .payments: try connection.execute(script: insertSagas)
        case .refunds: try connection.execute(script: wake)
        case .operations, .analytics: break
        }
    }

    // A saga has no events of its own. Where its row was lost it follows from the payment: what is at its end stays so, and the clock looks at the rest
    // at once. Without an intent the gateway is asked for one by the same key, and gives the same.
    private var insertSagas: String {
        """
        INSERT INTO public.saga_instances (id, tenant_id, booking_id, operation_id, state, deadline_at, wake_at)
        SELECT p.id, p.tenant_id, p.booking_id, o.operation_id,
            CASE WHEN p.status IN ('success', 'partially_refunded') THEN 'confirmed'
                 WHEN p.status = 'refunded' THEN CASE WHEN p.error_code = 'paid_too_late' THEN 'failed' ELSE 'confirmed' END
                 WHEN p.status IN ('failed', 'timeout') THEN 'failed'
                 WHEN p.status = 'processing' AND (p.intent_id IS NOT NULL OR p.amount_minor = 0) THEN 'reserved' ELSE 'created' END,
            p.created_at + CASE p.method \(Self.limits) END,
            CASE WHEN p.status IN ('pending', 'processing') THEN now() END
        FROM public.payments p LEFT JOIN \(schemas.made).saga_operations o ON o.id = p.id
        WHERE NOT EXISTS (SELECT 1 FROM public.saga_instances s WHERE s.id = p.id)
        """
    }

    private static let limits = PaymentMethod.allCases.map { "WHEN '\($0.rawValue)' THEN interval '\($0.limitMs) ms'" }.joined(separator: " ")

    // The clock looks at once at what is under way. A cancelled event whose row was lost is gone through once more, whether or not that was done: its
    // sale may have been opened again by whoever loaded the catalogue.
    private var wake: String {
        """
        UPDATE public.refunds SET wake_at = now() WHERE status = 'processing';
        UPDATE public.event_cancellations c SET wake_at = now(), status = 'running'
        WHERE c.status = 'running' OR NOT EXISTS (SELECT 1 FROM \(schemas.replaced).event_cancellations o WHERE o.event_id = c.event_id);
        UPDATE public.events e SET status = 'cancelled', updated_at = now()
        FROM public.event_cancellations c WHERE c.event_id = e.id AND e.status <> 'cancelled'
        """
    }
}
