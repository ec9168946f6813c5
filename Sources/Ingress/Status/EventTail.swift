import Domain
import KafkaClient
import Logging
import ServiceLifecycle
import Synchronization
import Topics

/// Follows the event topics and wakes those who wait for what they tell.
///
/// It assigns all partitions by hand, from their end, so that every ingress sees every event. Its positions are also the marks of a recovery:
/// whatever lies before them came from a script that Redis has run.
final class EventTail: Service, Sendable {
    /// Who waits for a payment waits under its booking's id, which is the key of both.
    private static let topics: [Topic] = [.bookingEvents, .paymentEvents, .operationEvents, .queueEvents]
    /// How often new partitions are looked for; they are read from their beginning.
    private static let discovery: Duration = .seconds(10)

    private struct State {
        var isPositioned = false
        var next: [Int32: Int64] = [:]
    }

    private let consumer: KafkaConsumer
    private let waiters: Waiters
    private let board: QueueBoard
    private let logger: Logger
    private let state = Mutex(State())

    init(consumer: KafkaConsumer, waiters: Waiters, board: QueueBoard, logger: Logger) {
        self.consumer = consumer
        self.board = board
        self.waiters = waiters
        self.logger = logger
    }

    /// Whether every partition has been given its position; before that a change could be missed.
    var isPositioned: Bool { state.withLock { $0.isPositioned } }

    /// Per partition of booking.events, the offset after the last event seen.
    var positions: [Int32: Int64] { state.withLock { $0.next } }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var assigned: Set<KafkaTopicPartition> = []
            while !Task.isCancelled {
                do {
                    try await self.follow(&assigned)
                } catch {
                    self.logger.debug("the tail of the event topics starts again", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: .milliseconds(500))
                }
            }
        }
        _ = await consumer.close()
    }

    private func follow(_ assigned: inout Set<KafkaTopicPartition>) async throws {
        var nextDiscovery = ContinuousClock.now
        while !Task.isCancelled {
            if ContinuousClock.now >= nextDiscovery {
                try await discover(&assigned)
                nextDiscovery = .now + Self.discovery
            }
            let batch = try await consumer.next(max: 2000, maxBytes: 4 << 20, wait: .seconds(1))
            handle(batch.messages)
        }
    }

    private func discover(_ assigned: inout Set<KafkaTopicPartition>) async throws {
        let isFirst = assigned.isEmpty
        var found: [KafkaTopicPartition: KafkaOffset] = [:]
        for topic in Self.topics {
            for (partition, end) in try await consumer.endOffsets(topic: topic.name) {
                let place = KafkaTopicPartition(topic: topic.name, partition: partition)
                if assigned.contains(place) { continue }
                found[place] = isFirst ? .at(end) : .beginning
                if topic == .bookingEvents { state.withLock { $0.next[partition] = isFirst ? end : 0 } }
            }
        }
        if found.isEmpty { return }
        if isFirst { try await consumer.assign(found) } else { try await consumer.add(found) }
        assigned.formUnion(found.keys)
        state.withLock { $0.isPositioned = true }
    }

    private func handle(_ messages: [KafkaMessage]) {
        if messages.isEmpty { return }
        state.withLock { state in
            for message in messages where message.topic == Topic.bookingEvents.name {
                state.next[message.partition] = max(state.next[message.partition] ?? 0, message.offset + 1)
            }
        }
        // The key is the event's, in whose line many wait: the board knows whom a message concerns.
        let queue = messages.filter { $0.topic == Topic.queueEvents.name }
        if !queue.isEmpty { board.take(queue) }
        waiters.wake(messages.lazy.compactMap { message in message.key.flatMap { key in key.withUnsafeBufferPointer { UUIDBits(utf8: $0) } } })
    }
}
