import BookingEngine
import Domain
import KafkaClient
import Logging
import Topics

/// Looks after a recovery for events that were on their way when Redis was lost: each takes its seats, or ends its booking.
struct LateEvents: Sendable {
    /// How long such an event may come: far more than the time for which any producer of ours keeps a message.
    static let time: Duration = .seconds(60)

    let recovery: Recovery
    /// Where the recovery stopped reading.
    let ends: [Int32: Int64]
    /// Of what comes since; what is older is late.
    let epoch: Int64

    func watch() async throws {
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: recovery.bootstrapServers, clientID: "recovery-late"), logger: recovery.logger
        )
        do {
            try await watch(consumer)
        } catch {
            recovery.logger.warning("late events are not looked for any more", metadata: ["error": "\(error)"])
        }
        _ = await consumer.close()
    }

    private func watch(_ consumer: KafkaConsumer) async throws {
        try await consumer.assign(
            Dictionary(
                uniqueKeysWithValues: ends.map { (KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: $0.key), KafkaOffset.at($0.value)) }
            ))
        let end = ContinuousClock.now + Self.time
        while ContinuousClock.now < end, !Task.isCancelled {
            let batch = try await consumer.next(max: 1_000, wait: .milliseconds(500))
            let late = batch.messages.compactMap { message -> BookingState? in
                guard let value = message.value, let event = try? BookingEvent(json: value), event.booking.version / 1_000_000 < epoch else {
                    return nil
                }
                return BookingState(event)
            }
            if late.isEmpty { continue }
            let result = try await recovery.engine.restore(late, tells: true)
            recovery.publish(result.told)
            recovery.logger.warning(
                "events of before the recovery came after it",
                metadata: ["events": "\(late.count)", "restored": "\(result.restored)", "lost": "\(result.lost.count)"])
        }
    }
}
