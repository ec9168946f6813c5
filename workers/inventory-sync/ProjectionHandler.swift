import BookingEngine
import Domain
import KafkaClient
import Metrics
import Projections
import Telemetry
import WorkerRuntime

/// Reads booking.events and hands them to the projection.
struct ProjectionHandler: BatchHandler {
    private let writer: ProjectionWriter<BookingProjection>
    /// The writer's; on its own, since a field of a generic type of another module costs a look-up of that type for each message.
    private let projection: BookingProjection
    private let endToEnd = MetricName.endToEndDuration.timer()

    init(writer: ProjectionWriter<BookingProjection>) {
        self.writer = writer
        projection = writer.projection
    }

    func decode(_ message: KafkaMessage) throws -> BookingEvent? { try projection.decode(message) }

    func apply(_ items: [BatchItem<BookingEvent>]) async throws -> [Refusal] {
        var next: [KafkaTopicPartition: Int64] = [:]
        for item in items { next[item.message.topicPartition] = item.message.offset + 1 }
        try await writer.apply(items.map(\.value), next: next)
        let now = BookingEngine.wallClockMs()
        for item in items { endToEnd.recordMilliseconds(max(0, now - item.value.booking.updatedAt.ms)) }
        return []
    }
}
