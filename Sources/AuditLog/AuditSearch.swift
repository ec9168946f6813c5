public import Domain
public import PostgresClient

/// Which rows are looked for; all that is named must hold.
public struct AuditFilter: Equatable, Sendable {
    public var actor: String?
    public var action: String?
    public var entity: String?
    public var entityID: String?
    public var tenant: TenantID?
    public var requestID: String?
    /// The first moment.
    public var from: Timestamp?
    /// The moment after the last.
    public var until: Timestamp?

    /// Means everything.
    public init() {}
}

/// A place between two rows of a list; new rows do not move it.
public struct AuditCursor: Equatable, Sendable, CustomStringConvertible {
    let at: Timestamp
    let chain: Int64
    let seq: Int64

    init(at: Timestamp, chain: Int64, seq: Int64) {
        self.at = at
        self.chain = chain
        self.seq = seq
    }

    /// Reads the text form; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        // Years 1 to 9999, as PostgreSQL reads them.
        guard parts.count == 3, let at = parts[0], let chain = parts[1], let seq = parts[2], (-62_135_596_800_000...253_402_300_799_999).contains(at),
            (0...Int64(Int32.max)).contains(chain), seq >= 0
        else { return nil }
        self.init(at: Timestamp(ms: at), chain: chain, seq: seq)
    }

    public var description: String { "\(at.ms).\(chain).\(seq)" }
}

/// Looks rows up, newest first.
public struct AuditSearch: Sendable {
    /// As far as rows are counted; what is beyond is reached by the cursor.
    public static let counted = 1_000

    /// A page of a list.
    public struct Page: Sendable {
        public let rows: [AuditRow]
        /// Where the next page begins; nil after the last.
        public let next: AuditCursor?
        /// How many rows there are, or ``AuditSearch/counted`` where there are more; nil behind a cursor, where it was said before.
        public let total: Int?
        public let totalIsExact: Bool
    }

    private let database: PostgresClient

    public init(database: PostgresClient) {
        self.database = database
    }

    /// A page behind a cursor, or so many rows after the newest.
    public func page(_ filter: AuditFilter, after cursor: AuditCursor?, offset: Int, limit: Int) async throws(PostgresError) -> Page {
        let now = Timestamp(ms: WallClock.nowMs())
        return try await database.transaction { connection in
            // With the times known, PostgreSQL plans for the months that matter and no others: planning for all of them takes longer than the search.
            _ = try connection.query("SET LOCAL plan_cache_mode = force_custom_plan")
            var skipped = cursor == nil ? offset : 0
            var rows: [(AuditRow, AuditCursor)] = []
            let end = [cursor?.at, filter.until].compactMap { $0 }.min() ?? now
            for span in Span.all(before: end, until: filter.from) where rows.count <= limit {
                let all = Conditions(filter, span, cursor: cursor)
                let text = """
                    SELECT \(AuditRows.columns) FROM audit_logs \(all.text) ORDER BY at DESC, chain_id DESC, seq DESC
                    LIMIT \(limit + 1 - rows.count + skipped)
                    """
                let found = try connection.query(text, all.values)
                for row in found.dropFirst(skipped) {
                    let read = try AuditRows.row(row)
                    rows.append((read, AuditCursor(at: read.record.at, chain: try row.int64("chain_id"), seq: read.seq)))
                }
                skipped = max(0, skipped - found.count)
            }
            var total: Int?
            if cursor == nil {
                // A list that ends here has been counted by reading it.
                let isWhole = rows.count <= limit && (offset == 0 || !rows.isEmpty)
                total = isWhole ? offset + rows.count : try Self.count(filter, before: end, connection)
            }
            let page = rows.prefix(limit)
            return Page(
                rows: page.map(\.0), next: rows.count > limit ? page.last?.1 : nil, total: total.map { min($0, Self.counted) },
                totalIsExact: (total ?? 0) <= Self.counted)
        }
    }

    private static func count(_ filter: AuditFilter, before end: Timestamp, _ connection: PostgresConnection) throws -> Int {
        var total = 0
        for span in Span.all(before: end, until: filter.from) where total <= counted {
            let all = Conditions(filter, span, cursor: nil)
            let text = "SELECT count(*) AS total FROM (SELECT FROM audit_logs \(all.text) LIMIT \(counted + 1 - total)) AS t"
            total += try connection.query(text, all.values)[0].int("total")
        }
        return total
    }

    /// A part of the time that is looked through, the newest first: mostly the first one has a page.
    private struct Span {
        private static let first: Int64 = 62 * 86_400_000
        private static let second: Int64 = 400 * 86_400_000

        /// Nil is without bound.
        var from: Timestamp?
        var until: Timestamp?

        /// - Parameters:
        ///   - end: about where rows begin; what is later belongs to the first part.
        ///   - start: before which nothing is looked for.
        static func all(before end: Timestamp, until start: Timestamp?) -> [Span] {
            let (near, far) = (Timestamp(ms: end.ms - first), Timestamp(ms: end.ms - second))
            if let start, start >= near { return [Span()] }
            if let start, start >= far { return [Span(from: near), Span(until: near)] }
            return [Span(from: near), Span(from: far, until: near), Span(until: far)]
        }
    }

    /// `WHERE …` and its parameters.
    private struct Conditions {
        private var conditions: [String] = []
        private(set) var values: [PostgresValue] = []

        var text: String { conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ") }

        init(_ filter: AuditFilter, _ span: Span, cursor: AuditCursor?) {
            add("actor = $", filter.actor)
            add("action = $", filter.action)
            add("entity = $", filter.entity)
            add("entity_id = $", filter.entityID)
            add("request_id = $", filter.requestID)
            add("tenant_id = $", filter.tenant?.description, type: "::uuid")
            add("at >= $", filter.from?.description, type: "::timestamptz")
            add("at < $", filter.until?.description, type: "::timestamptz")
            add("at >= $", span.from?.description, type: "::timestamptz")
            add("at < $", span.until?.description, type: "::timestamptz")
            if let cursor { add(cursor) }
        }

        /// What comes behind a row; the time once more by itself, by which months are left out.
        private mutating func add(_ cursor: AuditCursor) {
            add("at <= $", cursor.at.description, type: "::timestamptz")
            values += [.int(cursor.chain), .int(cursor.seq)]
            conditions.append("(at, chain_id, seq) < ($\(values.count - 2)::timestamptz, $\(values.count - 1)::int, $\(values.count)::bigint)")
        }

        private mutating func add(_ condition: String, _ value: String?, type: String = "") {
            guard let value else { return }
            values.append(.text(value))
            conditions.append("\(condition)\(values.count)\(type)")
        }
    }
}
