public import Domain
public import PostgresClient

/// Makes partitions ahead and drops what is older than is kept.
public struct AnalyticsUpkeep: Sendable {
    /// What one run did.
    public struct Report: Sendable, Codable, Equatable {
        /// Months of `events_raw`.
        public var droppedPartitions = 0
        /// Rows of `analytics_daily`.
        public var droppedDays = 0
        /// Rows of `analytics_realtime`.
        public var droppedMinutes = 0
    }

    private let database: PostgresClient

    public init(database: PostgresClient) {
        self.database = database
    }

    /// Does what there is to do. Of several copies each may; what one has done the next does not find.
    public func run(now: Timestamp) async throws(PostgresError) -> Report {
        let partitions = AnalyticsPartitions()
        let month = Month(now)
        try await database.transaction { connection in
            try partitions.make((0...AnalyticsRetention.ahead).map { month.advanced(by: $0) }, on: connection)
        }
        let first = AnalyticsRetention.firstMonth(now: now)
        let minute = AnalyticsRetention.firstMinute(now: now)
        return try await database.withConnection { connection in
            var report = Report()
            report.droppedMinutes = try connection.query(
                "DELETE FROM analytics_realtime WHERE minute < timestamptz 'epoch' + $1::bigint * interval '1 ms'", [.int(minute.ms)]
            ).affectedCount
            // The days go with the rows that they were counted from.
            (report.droppedPartitions, report.droppedDays) = try connection.transaction { connection in
                let dropped = try partitions.drop(before: first, on: connection)
                return (
                    dropped, try connection.query("DELETE FROM analytics_daily WHERE day < $1::date", [.text(first.firstDay)]).affectedCount
                )
            }
            return report
        }
    }
}
