public import Domain
import KafkaClient
public import Logging
public import PostgresClient
import Projections
import Topics

/// Compares the tables of analytics, row by row, with a recount of the topics.
///
/// The tables are read in one transaction together with how far the topics were read for them, and the topics up to there: so it is exact also while
/// workers write. Each row takes some 100 bytes of memory.
public struct AnalyticsCheck: Sendable {
    /// Rows and messages that are read at a time.
    private static let portion = 10_000
    /// Rows that a report names.
    private static let samples = 10

    private let database: PostgresClient
    private let bootstrapServers: String
    private let logger: Logger

    public init(database: PostgresClient, bootstrapServers: String, logger: Logger) {
        self.database = database
        self.bootstrapServers = bootstrapServers
        self.logger = logger
    }

    /// Messages on the topics that the tables do not have yet.
    public func behind() async throws -> Int64 {
        try await ranges(upTo: try await database.withConnection { try ProjectionOffsets(group: "analytics").read(on: $0) }).behind
    }

    /// Compares; changes nothing.
    /// - Throws: what the stores give.
    public func run(now: Timestamp) async throws -> AnalyticsReport {
        let first = AnalyticsRetention.firstMonth(now: now)
        // What is about to be dropped while this runs is not compared.
        let minute = Timestamp(ms: AnalyticsRetention.firstMinute(now: now).ms + 15 * Timestamp.minuteMs)
        let tables = try await database.withConnection { try Snapshot(of: $0, first: first, minute: minute) }
        var recount = AnalyticsRecount(first: first)
        let (ranges, behind) = try await ranges(upTo: tables.offsets)
        var read: Int64 = 0
        var samples: [String] = []
        var raw = AnalyticsReport.Table(table: "events_raw")
        // A message that is told again may say another time; its row is any one of its copies.
        var different: [AnalyticsRecount.Digest: String] = [:]
        let reader = try KafkaRangeReader(bootstrapServers: bootstrapServers, clientID: "analytics-check", ranges: ranges, logger: logger)
        do {
            while let messages = try await reader.next(max: Self.portion) {
                read += Int64(messages.count)
                for message in messages {
                    guard let (event, isCopy) = recount.add(message) else { continue }
                    let digest = AnalyticsRecount.Digest(Month(event.at), event.id)
                    guard let found = tables.rows[digest] else {
                        if isCopy { continue }
                        raw.missing += 1
                        if samples.count < Self.samples { samples.append("events_raw: \(event.id) is missing") }
                        continue
                    }
                    if found == AnalyticsRecount.fingerprint(event) {
                        different[digest] = nil
                    } else if !isCopy {
                        different[digest] = event.id
                    }
                }
            }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
        raw.different = different.count
        samples += different.values.prefix(max(0, Self.samples - samples.count)).map { "events_raw: \($0) is different" }
        raw.expected = recount.rows.count
        raw.found = tables.rows.count
        raw.unexpected = raw.found - (raw.expected - raw.missing)
        let daily = Self.compare("analytics_daily", expected: recount.days, found: tables.days, &samples)
        let realtime = Self.compare(
            "analytics_realtime", expected: recount.minutes.filter { $0.key.start >= minute }, found: tables.minutes, &samples)
        return AnalyticsReport(
            tables: [raw, daily, realtime], read: read, copies: recount.copies, unreadable: recount.unreadable, behind: behind, samples: samples)
    }

    private static func compare(
        _ table: String, expected: [FigureKey: Figures], found: [FigureKey: Figures], _ samples: inout [String]
    ) -> AnalyticsReport.Table {
        var result = AnalyticsReport.Table(table: table)
        result.expected = expected.count
        result.found = found.count
        for key in Set(expected.keys).union(found.keys) where expected[key] != found[key] {
            switch (expected[key], found[key]) {
            case (_?, nil): result.missing += 1
            case (nil, _): result.unexpected += 1
            case (_?, _?): result.different += 1
            }
            if samples.count < Self.samples {
                samples.append(
                    "\(table): event \(key.event) \(key.start) \(key.currency) should have \(text(expected[key])), has \(text(found[key]))")
            }
        }
        return result
    }

    private static func text(_ figures: Figures?) -> String {
        guard let figures else { return "no row" }
        return Figure.allCases.filter { figures[$0] != 0 }.map { "\($0.rawValue) \(figures[$0])" }.joined(separator: ", ")
    }

    /// What the tables tell of, and how many messages they lack.
    private func ranges(upTo ends: [KafkaTopicPartition: Int64]) async throws -> ([KafkaTopicPartition: Range<Int64>], behind: Int64) {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "analytics-check"), logger: logger)
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        var behind: Int64 = 0
        do {
            // The tables know nothing of a message that could not be read, and the group does.
            let committed = try await admin.committedOffsets(group: "analytics")
            for topic in AnalyticsTopics.all {
                for (number, kept) in try await admin.offsets(topic: topic.name) {
                    let partition = KafkaTopicPartition(topic: topic.name, partition: number)
                    let end = max(kept.low, min(ends[partition] ?? 0, kept.high))
                    if kept.low < end { ranges[partition] = kept.low..<end }
                    behind += kept.high - max(end, min(committed[partition] ?? 0, kept.high))
                }
            }
            await admin.shutdown()
        } catch {
            await admin.shutdown()
            throw error
        }
        return (ranges, behind)
    }

    /// The tables as they were at one moment.
    private struct Snapshot: Sendable {
        var rows: [AnalyticsRecount.Digest: Int] = [:]
        let minutes: [FigureKey: Figures]
        let days: [FigureKey: Figures]
        let offsets: [KafkaTopicPartition: Int64]

        init(of connection: PostgresConnection, first: Month, minute: Timestamp) throws {
            self = try connection.transaction { try Snapshot(in: $0, first, minute) }
        }

        private init(in connection: PostgresConnection, _ first: Month, _ minute: Timestamp) throws {
            try connection.execute(script: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            offsets = try ProjectionOffsets(group: "analytics").read(on: connection)
            let tables = FigureTables(schema: "public")
            minutes = try tables.read(.realtime, from: minute, on: connection)
            days = try tables.read(.daily, from: first.begin, on: connection)
            var (month, id) = (first.firstDay, "")
            while true {
                let page = try connection.query(
                    """
                    SELECT month, id, type, tenant_id, event_id, (extract(epoch FROM occurred_at) * 1000)::bigint AS at_ms, quantity, amount_minor,
                        currency, value::text AS value
                    FROM events_raw WHERE month >= $1::date AND (month, id) > ($1::date, $2) ORDER BY month, id LIMIT \(AnalyticsCheck.portion)
                    """, [.text(month), .text(id)])
                for row in page {
                    (month, id) = (try row.string("month"), try row.string("id"))
                    guard let parsed = Month(firstDay: month) else { continue }
                    rows[AnalyticsRecount.Digest(parsed, id)] = AnalyticsRecount.fingerprint(
                        type: try row.string("type"), tenant: try row.string("tenant_id"), event: try row.optionalString("event_id"),
                        atMs: try row.int64("at_ms"), quantity: try row.int64("quantity"), amountMinor: try row.int64("amount_minor"),
                        currency: try row.string("currency"), value: try row.string("value"))
                }
                if page.count < AnalyticsCheck.portion { return }
            }
        }
    }
}
