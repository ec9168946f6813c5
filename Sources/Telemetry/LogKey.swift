public import Logging

/// The keys of log metadata, in one place; libraries of the lowest floor use the same words as plain text.
public enum LogKey: String, Sendable, CaseIterable {
    case traceID = "trace_id"
    case spanID = "span_id"
    case requestID = "request_id"
    case userID = "user_id"
    case bookingID = "booking.id"
    case eventID = "event.id"
    case zoneID = "zone.id"
    case operationID = "operation.id"
    case kafkaTopic = "kafka.topic"
    case kafkaPartition = "kafka.partition"
    case kafkaOffset = "kafka.offset"
    case kafkaGroup = "kafka.group"
    case redisOperation = "redis.operation"
    case redisRunID = "redis.run_id"
    case sqlState = "sql.state"
    case shard = "shard"
    case attempt = "attempt"
    case count = "count"
    case durationMs = "duration_ms"
    case port = "port"
    case outcome = "outcome"
    case errorClass = "error.class"
    case error = "error"
}

extension Logger {
    /// Reads or sets metadata under one of the product's keys.
    public subscript(_ key: LogKey) -> Logger.MetadataValue? {
        get { self[metadataKey: key.rawValue] }
        set { self[metadataKey: key.rawValue] = newValue }
    }
}

extension Logger.Metadata {
    /// Metadata under the product's keys: `Logger.Metadata([.bookingID: "\(id)"])`.
    public init(_ values: [LogKey: Logger.MetadataValue]) {
        self.init(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
    }
}
