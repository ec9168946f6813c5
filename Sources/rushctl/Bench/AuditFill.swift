import AuditLog
import Domain
import KafkaClient

/// The made-up audit of `rushctl bench audit`: three years, 36 chains, few who do much and many who do little.
enum AuditFill {
    /// What pages are asked for.
    enum Kind: String, CaseIterable {
        case everything, actor
        case busyActor = "busy actor"
        case action, entity
        case rareEntity = "rare entity"
        case entityID = "entity id"
        case tenant
        case requestID = "request id"
        case time
        case actorAndAction = "actor and action"
        case tenantAndTime = "tenant and time"
    }

    private static let days = 1_060
    private static let actions = [
        "booking.created", "booking.updated", "booking.confirmed", "booking.expired", "payment.processing", "payment.success",
        "POST /bookings/{id}/cancel",
    ]

    /// A filter of a kind, with values that there are.
    static func filter(_ kind: Kind, rows: Int) -> AuditFilter {
        var filter = AuditFilter()
        let now = Timestamp.now.ms
        let back = { (share: ClosedRange<Double>) in Timestamp(ms: now - Int64(Double.random(in: share) * Double(days) * 86_400_000)) }
        switch kind {
        case .everything: break
        case .actor: filter.actor = user(Int.random(in: 0..<100_003))
        case .busyActor: filter.actor = ["worker:payment", "worker:expiry"].randomElement()
        case .action: filter.action = actions.randomElement()
        case .entity: filter.entity = ["booking", "payment", "bookings"].randomElement()
        case .rareEntity: filter.entity = "fleet"
        case .entityID: filter.entityID = entity(Int.random(in: 0..<rows / 4))
        case .tenant: filter.tenant = TenantID(tenant(Int.random(in: 0..<20)))
        case .requestID: filter.requestID = "r\(Int.random(in: 0..<rows / 3) * 3)"
        case .time:
            filter.until = back(0.1...0.9)
            filter.from = filter.until.map { Timestamp(ms: $0.ms - 86_400_000) }
        case .actorAndAction: (filter.actor, filter.action) = (["worker:payment", user(7)].randomElement(), actions.randomElement())
        case .tenantAndTime: (filter.tenant, filter.until) = (TenantID(tenant(Int.random(in: 0..<20))), back(0...0.9))
        }
        return filter
    }

    /// A place anywhere in the three years.
    static func cursor(rows: Int) -> String {
        "\(Timestamp.now.ms - Int64.random(in: 0...Int64(days) * 86_400_000)).\(Int.random(in: 1...36)).\(Int.random(in: 1...rows / 36))"
    }

    private static func user(_ number: Int) -> String { "user-\(number)" }
    private static func entity(_ number: Int) -> String { "entity-\(number)-0123456789abcdef0123456789" }
    private static func tenant(_ number: Int) -> String { "00000000-0000-0000-0000-0000000000\(number < 10 ? "0" : "")\(number)" }

    /// A message for the writer.
    static func message(_ number: Int) -> KafkaMessage {
        let entry = AuditEntry(
            id: "bench-\(number)", actor: .operator("bench"), action: "dlq.redrive", entity: "dead_letters", entityID: "job-\(number)",
            outcome: .succeeded, new: Array(#"{"handled":12,"failed":0,"group":"payment","reason":"the constraint is gone"}"#.utf8),
            origin: RequestOrigin(address: "10.0.0.1", agent: "rushctl", requestID: "request-\(number)"), at: Timestamp(ms: Timestamp.now.ms))
        return KafkaMessage(
            topic: "audit.events", partition: Int32(number % 12), offset: Int64(number / 12), key: nil, value: entry.json, headers: [],
            timestampMs: nil)
    }

    /// Fills the table; its indexes are made afterwards, which takes a tenth of the time.
    static func script(rows: Int) -> String {
        """
        SET synchronous_commit = off;
        SET maintenance_work_mem = '512MB';
        ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_pkey;
        CREATE TEMPORARY TABLE kept AS
            SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'audit_logs';
        DO $$ DECLARE name text; BEGIN FOR name IN SELECT indexname FROM kept LOOP EXECUTE format('DROP INDEX %I', name); END LOOP; END $$;
        SELECT audit_month((now() - make_interval(days => n))::date) FROM generate_series(0, \(days + 31), 15) AS n;
        INSERT INTO audit_logs (
            chain_id, seq, at, tenant_id, message_id, actor, action, entity, entity_id, outcome, old_values, new_values, address, agent, request_id,
            trace_id, source_topic, source_partition, source_offset, previous_hash, hash)
        SELECT 1000 + n % 36, n / 36 + 1,
            date_trunc('milliseconds', now() - interval '\(days) days' * ((\(rows) - n)::double precision / \(rows))),
            ('00000000-0000-0000-0000-0000000000' || lpad((n % 20)::text, 2, '0'))::uuid, md5(n::text) || n,
            CASE WHEN n % 10 < 4 THEN 'worker:payment' WHEN n % 10 < 6 THEN 'worker:expiry' ELSE 'user-' || n % 100003 END,
            (ARRAY[\(actions.map { "'\($0)'" }.joined(separator: ","))])[n % \(actions.count) + 1],
            CASE WHEN n % 100000 = 3 THEN 'fleet' ELSE (ARRAY['booking', 'payment', 'bookings'])[n % 3 + 1] END,
            'entity-' || n / 4 || '-0123456789abcdef0123456789', 'succeeded',
            CASE WHEN n % 4 <> 0 THEN '{"status":"reserved","version":1,"quantity":2,"total_minor":200,"currency":"THB","declines":0}'::json END,
            '{"status":"confirmed","version":2,"quantity":2,"total_minor":200,"currency":"THB","declines":0,"payment_state":"success"}',
            CASE WHEN n % 3 = 0 THEN '10.1.2.3' END, CASE WHEN n % 3 = 0 THEN 'Mozilla/5.0' END, CASE WHEN n % 3 = 0 THEN 'r' || n END, md5('t' || n),
            'made.up', n % 36, n / 36, decode(md5(n::text) || md5(n::text), 'hex'), decode(md5(n::text) || md5(n::text), 'hex')
        FROM generate_series(0, \(rows - 1)) AS n;
        DO $$ DECLARE def text; BEGIN
            FOR def IN SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM kept WHERE indexname <> 'audit_logs_pkey' LOOP EXECUTE def; END LOOP;
        END $$;
        ALTER TABLE audit_logs ADD PRIMARY KEY (chain_id, seq, at);
        """
    }
}
