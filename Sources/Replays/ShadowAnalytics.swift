import Analytics
import Domain
import KafkaClient
import PostgresClient
import Projections

/// Counts messages into the tables that are being made.
struct ShadowAnalytics: Sendable {
    private let writer: AnalyticsWriter

    init(schema: String, group: String, database: PostgresClient) {
        writer = AnalyticsWriter(schema: schema, group: group, database: database)
    }

    /// Applies messages; what can never be applied is left out, as the worker leaves it out.
    /// - Parameter next: per partition, the offset after the batch.
    /// - Returns: how many were left out.
    @Sendable
    func apply(_ messages: [KafkaMessage], _ next: [KafkaTopicPartition: Int64]) async throws -> Int {
        let events = messages.compactMap { try? AnalyticsEvent($0) }
        return messages.count - events.count + (try await bisect(events, next))
    }

    /// Halves a batch that is refused until only the messages are left out that are to blame.
    private func bisect(_ events: [AnalyticsEvent], _ next: [KafkaTopicPartition: Int64]) async throws(PostgresError) -> Int {
        do throws(PostgresError) {
            try await writer.apply(events, next: next)
            return 0
        } catch {
            guard error.disposition == .deadLetter, !events.isEmpty else { throw error }
        }
        if events.count == 1 {
            try await writer.apply([], next: next)
            return 1
        }
        // The offsets are noted with the second half, so that a crash between the two brings both again.
        let half = events.count / 2
        return try await bisect(Array(events[..<half]), [:]) + (try await bisect(Array(events[half...]), next))
    }
}

extension ProjectionTable {
    /// The tables of analytics. Figures only rise, so their sum says which of two rows is newer; what is about to be dropped is not compared.
    static let analytics = [
        ProjectionTable(
            "events_raw", key: "concat_ws('/', month, id)", version: "0", uncompared: ["created_at", "updated_at"],
            compared: "month >= date_trunc('month', now() AT TIME ZONE 'UTC') - interval '\(AnalyticsRetention.months) months'"),
        ProjectionTable(
            "analytics_daily", key: "concat_ws('/', tenant_id, event_id, day, currency)", version: sum, uncompared: ["created_at", "updated_at"],
            compared: "day >= date_trunc('month', now() AT TIME ZONE 'UTC') - interval '\(AnalyticsRetention.months) months'"),
        ProjectionTable(
            "analytics_realtime", key: "concat_ws('/', tenant_id, event_id, minute, currency)", version: sum,
            uncompared: ["created_at", "updated_at"],
            compared: "minute >= now() - interval '\(AnalyticsRetention.minutes / .seconds(1)) seconds' + interval '15 minutes'"),
    ]

    private static let sum = Figure.allCases.map(\.rawValue).joined(separator: " + ")
}
