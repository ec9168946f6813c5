import Domain
import PostgresClient

/// The WHERE of a query, with its parameters.
struct Condition {
    private(set) var parts: [String] = []
    private(set) var parameters: [PostgresValue]

    /// - Parameter parameters: those that the query has before the condition's own.
    init(_ filter: DeadLetterFilter, after parameters: [PostgresValue] = []) {
        self.parameters = parameters
        for (column, value) in [
            ("consumer_group", filter.group), ("error_class", filter.errorClass), ("site", filter.site), ("type", filter.type),
            ("record_key", filter.key), ("status", filter.status?.rawValue),
        ] {
            if let value { and("\(column) = \(bind(.text(value)))") }
        }
        if let text = filter.text {
            let needle = bind(.text(text))
            and(
                "(\(["excerpt", "error", "message_id", "record_key"].map { "position(lower(\(needle)) IN lower(\($0))) > 0" }.joined(separator: " OR ")))"
            )
        }
        if let since = filter.since { and("last_failed_at >= to_timestamp(\(bind(.int(since.ms)))::bigint / 1000.0)") }
        if let until = filter.until { and("last_failed_at < to_timestamp(\(bind(.int(until.ms)))::bigint / 1000.0)") }
        if !filter.places.isEmpty { and(places(filter.places)) }
    }

    /// Adds a parameter.
    /// - Returns: how it is called.
    mutating func bind(_ value: PostgresValue) -> String {
        parameters.append(value)
        return "$\(parameters.count)"
    }

    /// Adds what must hold too.
    mutating func and(_ part: String) {
        parts.append(part)
    }

    /// That a row is one of those.
    mutating func places(_ places: [DeadLetterPlace]) -> String {
        let topics = bind(.textArray(places.map(\.topic)))
        let partitions = bind(.intArray(places.map { Int64($0.partition) }))
        let offsets = bind(.intArray(places.map(\.offset)))
        return "(topic, partition, record_offset) IN (SELECT * FROM unnest(\(topics)::text[], \(partitions)::int[], \(offsets)::bigint[]))"
    }

    var sql: String { parts.isEmpty ? "true" : parts.joined(separator: " AND ") }
}
