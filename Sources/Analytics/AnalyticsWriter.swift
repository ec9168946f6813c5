public import Domain
public import KafkaClient
public import PostgresClient
public import Projections
import Synchronization

/// Writes batches of events: each a row of `events_raw`, and what the rows tell added to the figures, in one transaction with how far the topics were read.
///
/// Only a row that was not there is counted, so a message may come twice, late, in any order, and from several copies at the same time.
/// All copies lock rows in the same order: raw rows by month and id, minutes, days, then the offsets.
public final class AnalyticsWriter: Sendable {
    /// Where its tables are.
    public let schema: String
    /// Where it is noted how far the topics have been read.
    public let offsets: ProjectionOffsets
    private let database: PostgresClient
    private let now: @Sendable () -> Timestamp
    /// Months whose partitions are known to be there.
    private let months = Mutex<Set<Month>>([])

    /// - Parameters:
    ///   - group: who reads the topics.
    ///   - database: kept for it alone: each connection keeps an empty temporary table.
    public init(
        schema: String = "public", group: String = "analytics", database: PostgresClient,
        now: @escaping @Sendable () -> Timestamp = { Timestamp(ms: WallClock.nowMs()) }
    ) {
        self.schema = schema
        offsets = ProjectionOffsets(group: group, schema: schema)
        self.database = database
        self.now = now
    }

    /// Applies what messages tell. What deadlocks is run again.
    /// - Parameter next: per partition, the offset after the batch.
    /// - Returns: how many rows are new.
    @discardableResult
    public func apply(_ events: [AnalyticsEvent], next: [KafkaTopicPartition: Int64]) async throws(PostgresError) -> Int {
        do throws(PostgresError) {
            return try await attempt(events, next)
        } catch {
            // A partition that was there is gone: the tables were exchanged, or made anew.
            guard error.sqlState == "23514", error.constraint == nil, !months.withLock({ $0.isEmpty }) else { throw error }
            months.withLock { $0 = [] }
            return try await attempt(events, next)
        }
    }

    private func attempt(_ events: [AnalyticsEvent], _ next: [KafkaTopicPartition: Int64]) async throws(PostgresError) -> Int {
        let (now, schema, offsets) = (now(), schema, offsets)
        let rows = Self.dated(events, from: AnalyticsRetention.firstMonth(now: now))
        let wanted = Set(rows.map(\.month))
        if !months.withLock({ $0.isSuperset(of: wanted) }) {
            let partitions = AnalyticsPartitions(schema: schema)
            try await database.transaction { connection in try partitions.make(wanted, on: connection) }
            months.withLock { $0.formUnion(wanted) }
        }
        return try await database.transaction { connection in
            var count = 0
            if !rows.isEmpty {
                let fresh = try AnalyticsRows(schema: schema).insert(rows, on: connection)
                count = fresh.count
                let first = AnalyticsRetention.firstMinute(now: now)
                let tables = FigureTables(schema: schema)
                try tables.add(fresh.minutes.filter { $0.key.start >= first }, to: .realtime, on: connection)
                try tables.add(fresh.days, to: .daily, on: connection)
            }
            try offsets.note(next, on: connection)
            return count
        }
    }

    /// The events with their months, without those that are older than is kept.
    private static func dated(_ events: [AnalyticsEvent], from first: Month) -> [AnalyticsRows.Row] {
        var months: [Int64: Month] = [:]
        var rows: [AnalyticsRows.Row] = []
        rows.reserveCapacity(events.count)
        for event in events {
            let day = event.at.ms / Timestamp.dayMs
            let month = months[day] ?? Month(event.at)
            months[day] = month
            if month >= first { rows.append((month, event)) }
        }
        return rows
    }
}
