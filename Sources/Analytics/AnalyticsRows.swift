import Domain
import PostgresClient

/// The rows of `events_raw`.
struct AnalyticsRows {
    typealias Row = (month: Month, event: AnalyticsEvent)

    /// What the rows tell that were not there before.
    struct Fresh {
        var count = 0
        var minutes: [FigureKey: Figures] = [:]
        var days: [FigureKey: Figures] = [:]
    }

    let schema: String

    /// Inserts rows that are not there, in the transaction that is open; of copies the first, since a second may differ in its time (the place in the
    /// staging table, `ctid`, is the order of coming).
    func insert(_ rows: [Row], on connection: PostgresConnection) throws(PostgresError) -> Fresh {
        try stage(rows, on: connection)
        var fresh = Fresh()
        for row in try connection.query(insertStaged, []) {
            let count = try row.int64("count")
            fresh.count += Int(count)
            // What belongs to no event is kept and not counted.
            guard let event = try row.optionalString("event_id").flatMap({ EventID($0) }), let tenant = TenantID(try row.string("tenant_id")) else {
                continue
            }
            let minute = FigureKey(
                tenant: tenant, event: event, start: Timestamp(ms: try row.int64("minute_s") * 1000), currency: try row.string("currency"))
            var figures = Figures()
            figures.count(
                try row.string("type"), count, quantity: try row.int64("quantity"), amountMinor: try row.int64("amount_minor"))
            if figures.isEmpty { continue }
            fresh.minutes[minute, default: Figures()] += figures
            fresh.days[minute.day, default: Figures()] += figures
        }
        return fresh
    }

    /// Brings rows to the server by the shortest way. The temporary table stays with its connection and is empty after each transaction.
    private func stage(_ rows: [Row], on connection: PostgresConnection) throws(PostgresError) {
        let isMissing = try connection.query("SELECT to_regclass('pg_temp.analytics_incoming') IS NULL AS is_missing", [])[0].bool("is_missing")
        if isMissing {
            try connection.execute(
                script: """
                    CREATE TEMP TABLE analytics_incoming (
                        month date, id text COLLATE "C", type text COLLATE "C", tenant_id uuid, event_id uuid, at_ms bigint, quantity bigint,
                        amount_minor bigint, currency text COLLATE "C", value json
                    ) ON COMMIT DELETE ROWS
                    """)
        }
        try connection.copyIn(
            "COPY pg_temp.analytics_incoming FROM STDIN",
            rows: rows.lazy.map { month, event in
                [
                    .text(month.firstDay), .text(event.id), .text(event.type), .text(event.tenant.description),
                    PostgresValue(event.event?.description), .int(event.at.ms), .int(event.quantity), .int(event.amountMinor), .text(event.currency),
                    .text(String(decoding: event.value, as: UTF8.self)),
                ]
            })
    }

    private var insertStaged: String {
        """
        WITH fresh AS (
            INSERT INTO \(schema).events_raw (month, id, type, tenant_id, event_id, occurred_at, quantity, amount_minor, currency, value)
            SELECT month, id, type, tenant_id, event_id, timestamptz 'epoch' + at_ms * interval '1 ms', quantity, amount_minor, currency, value
            FROM pg_temp.analytics_incoming ORDER BY month, id, ctid
            ON CONFLICT (month, id) DO NOTHING
            RETURNING type, tenant_id, event_id, occurred_at, quantity, amount_minor, currency
        )
        SELECT tenant_id, event_id, extract(epoch FROM date_trunc('minute', occurred_at))::bigint AS minute_s, currency, type, count(*) AS count,
            sum(quantity)::bigint AS quantity, sum(amount_minor)::bigint AS amount_minor
        FROM fresh GROUP BY tenant_id, event_id, date_trunc('minute', occurred_at), currency, type
        """
    }
}
