import Analytics
import KafkaClient
import WorkerRuntime

/// Reads the event topics and hands what they tell to the writer.
struct AnalyticsHandler: BatchHandler {
    let writer: AnalyticsWriter

    func decode(_ message: KafkaMessage) throws -> AnalyticsEvent? { try AnalyticsEvent(message) }

    func apply(_ items: [BatchItem<AnalyticsEvent>]) async throws -> [Refusal] {
        var next: [KafkaTopicPartition: Int64] = [:]
        for item in items { next[item.message.topicPartition] = max(next[item.message.topicPartition] ?? 0, item.message.offset + 1) }
        try await writer.apply(items.map(\.value), next: next)
        return []
    }
}
