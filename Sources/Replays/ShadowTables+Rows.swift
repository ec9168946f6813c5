import Domain
import PostgresClient

extension ShadowTables {
    /// Takes rows over that the topic does not tell of, or not yet: of payments those that wait for their next event, and what no event has.
    /// - Returns: how many rows are the old table's.
    func carry(_ connection: PostgresConnection) throws -> Int64 {
        let made = schemas.made
        switch projection {
        case .bookings: return 0
        case .payments:
            // Events of earlier builds do not have the intent.
            try connection.execute(
                script: """
                    UPDATE \(made).payments n SET intent_id = o.intent_id FROM public.payments o
                    WHERE o.id = n.id AND n.intent_id IS NULL AND o.intent_id IS NOT NULL AND o.version = n.version
                    """)
            // The worker writes the row first and tells of it then; between two events a row moves without a word.
            return Int64(
                try connection.query(
                    """
                    WITH newer AS (
                        SELECT o.id FROM public.payments o LEFT JOIN \(made).payments n ON n.id = o.id
                        WHERE n.id IS NULL OR n.version < o.version
                           OR (n.version = o.version AND o.status IN ('pending', 'processing') AND o::text <> n::text)
                    ), gone AS (
                        DELETE FROM \(made).payments n USING newer WHERE n.id = newer.id RETURNING n.id
                    )
                    SELECT (SELECT count(*) FROM gone) AS gone, count(*) AS newer, array_agg(id::text) AS ids FROM newer
                    """, []
                ).one().optionalStrings("ids").map { ids in
                    try connection.query("INSERT INTO \(made).payments SELECT * FROM public.payments WHERE id = ANY($1::uuid[])", [.textArray(ids)])
                        .affectedCount
                } ?? 0)
        case .operations:
            try connection.execute(
                script: """
                    UPDATE \(made).operations n SET created_at = o.created_at, updated_at = o.updated_at FROM public.operations o WHERE o.id = n.id
                    """)
            return Int64(
                try connection.query(
                    """
                    INSERT INTO \(made).operations SELECT o.* FROM public.operations o
                    WHERE NOT EXISTS (SELECT 1 FROM \(made).operations n WHERE n.id = o.id)
                    """, []
                ).affectedCount)
        }
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
        case .payments: try connection.execute(script: Self.insertSagas)
        case .operations: break
        }
    }

    // A saga has no events of its own. Where its row was lost it follows from the payment: what is at its end stays so, and the clock looks at the rest
    // at once. The operation that waited is not known any more. Without an intent the gateway is asked for one by the same key, and gives the same.
    private static let insertSagas = """
        INSERT INTO public.saga_instances (id, tenant_id, booking_id, state, deadline_at, wake_at)
        SELECT p.id, p.tenant_id, p.booking_id,
            CASE WHEN p.status IN ('success', 'partially_refunded') THEN 'confirmed'
                 WHEN p.status = 'refunded' THEN CASE WHEN p.error_code = 'paid_too_late' THEN 'failed' ELSE 'confirmed' END
                 WHEN p.status IN ('failed', 'timeout') THEN 'failed'
                 WHEN p.status = 'processing' AND (p.intent_id IS NOT NULL OR p.amount_minor = 0) THEN 'reserved' ELSE 'created' END,
            p.created_at + CASE p.method \(PaymentMethod.allCases.map { "WHEN '\($0.rawValue)' THEN interval '\($0.limitMs) ms'" }.joined(separator: " ")) END,
            CASE WHEN p.status IN ('pending', 'processing') THEN now() END
        FROM public.payments p WHERE NOT EXISTS (SELECT 1 FROM public.saga_instances s WHERE s.id = p.id)
        """
}
