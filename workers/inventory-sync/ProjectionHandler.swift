import BookingEngine
import Domain
import KafkaClient
import Metrics
import Telemetry
import WorkerRuntime

/// Reads booking.events and hands them to the projection.
struct ProjectionHandler: BatchHandler {
    let projection: Projection
    private let endToEnd = MetricName.endToEndDuration.timer()

    init(projection: Projection) {
        self.projection = projection
    }

    func decode(_ message: KafkaMessage) throws -> BookingEvent? {
        guard let value = message.value else { throw JSONError(path: [], reason: "has no value") }
        return try BookingEvent(json: value)
    }

    func apply(_ items: [BatchItem<BookingEvent>]) async throws -> [Refusal] {
        var next: [KafkaTopicPartition: Int64] = [:]
        for item in items { next[item.message.topicPartition] = item.message.offset + 1 }
        try await projection.apply(items.map(\.value), next: next)
        let now = BookingEngine.wallClockMs()
        for item in items { endToEnd.recordMilliseconds(max(0, now - item.value.booking.updatedAt.ms)) }
        return []
    }
}
