import Domain
import PostgresClient

/// The tables of figures.
struct FigureTables {
    /// One of the tables.
    enum Table: String, CaseIterable {
        case realtime = "analytics_realtime"
        case daily = "analytics_daily"

        /// The column of ``FigureKey/start``.
        var start: String { self == .realtime ? "minute" : "day" }
        /// SQL that makes a value of that column of milliseconds.
        func startValue(_ ms: String) -> String {
            let moment = "(timestamptz 'epoch' + \(ms) * interval '1 ms')"
            return self == .realtime ? moment : "(\(moment) AT TIME ZONE 'UTC')::date"
        }
        /// SQL that gives the milliseconds again.
        var startMs: String { "(extract(epoch FROM \(self == .realtime ? "minute" : "day::timestamp")) * 1000)::bigint" }
    }

    let schema: String

    /// Adds figures to the rows, in the order of their keys.
    func add(_ figures: [FigureKey: Figures], to table: Table, on connection: PostgresConnection) throws(PostgresError) {
        if figures.isEmpty { return }
        let rows = Array(figures)
        var parameters: [PostgresValue] = [
            .textArray(rows.map(\.key.tenant.description)), .textArray(rows.map(\.key.event.description)), .intArray(rows.map(\.key.start.ms)),
            .textArray(rows.map(\.key.currency)),
        ]
        for figure in Figure.allCases { parameters.append(.intArray(rows.map { $0.value[figure] })) }
        _ = try connection.query(upsert(table), parameters)
    }

    private func upsert(_ table: Table) -> String {
        let columns = Figure.allCases.map(\.rawValue)
        let arrays = columns.indices.map { "$\($0 + 5)::bigint[]" }.joined(separator: ", ")
        return """
            INSERT INTO \(schema).\(table.rawValue) AS t (tenant_id, event_id, \(table.start), currency, \(columns.joined(separator: ", ")))
            SELECT n.tenant_id, n.event_id, \(table.startValue("n.start_ms")), n.currency, \(columns.map { "n.\($0)" }.joined(separator: ", "))
            FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], \(arrays))
                 AS n (tenant_id, event_id, start_ms, currency, \(columns.joined(separator: ", ")))
            ORDER BY n.tenant_id, n.event_id, n.start_ms, n.currency COLLATE "C"
            ON CONFLICT (tenant_id, event_id, \(table.start), currency) DO UPDATE
            SET \(columns.map { "\($0) = t.\($0) + excluded.\($0)" }.joined(separator: ", ")), updated_at = now()
            """
    }

    /// The rows from a moment on.
    func read(_ table: Table, from start: Timestamp, on connection: PostgresConnection) throws(PostgresError) -> [FigureKey: Figures] {
        var found: [FigureKey: Figures] = [:]
        let columns = Figure.allCases.map(\.rawValue).joined(separator: ", ")
        for row in try connection.query(
            """
            SELECT tenant_id, event_id, \(table.startMs) AS start_ms, currency, \(columns) FROM \(schema).\(table.rawValue)
            WHERE \(table.start) >= \(table.startValue("$1::bigint"))
            """, [.int(start.ms)])
        {
            guard let tenant = TenantID(try row.string("tenant_id")), let event = EventID(try row.string("event_id")) else { continue }
            let key = FigureKey(
                tenant: tenant, event: event, start: Timestamp(ms: try row.int64("start_ms")), currency: try row.string("currency"))
            var figures = Figures()
            for figure in Figure.allCases { figures[figure] = try row.int64(figure.rawValue) }
            found[key] = figures
        }
        return found
    }
}
