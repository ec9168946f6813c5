import KafkaClient
import Logging
import Synchronization
import Telemetry

/// What has been handled and what of it is committed.
final class Offsets: Sendable {
    private struct State {
        /// Handled and not committed: the next offset to read.
        var pending: [KafkaTopicPartition: Int64] = [:]
    }

    private let consumer: KafkaConsumer
    private let logger: Logger
    private let state = Mutex(State())

    init(consumer: KafkaConsumer, logger: Logger) {
        self.consumer = consumer
        self.logger = logger
    }

    /// Starts anew with other partitions.
    func assigned(_ partitions: [KafkaTopicPartition]) {
        forget()
    }

    /// Drops everything; uncommitted messages come again.
    func forget() {
        state.withLock { $0 = State() }
    }

    /// Notes that all these messages, and all before them, are handled.
    func done(_ messages: [KafkaMessage]) {
        var next: [KafkaTopicPartition: Int64] = [:]
        var current: KafkaMessage?
        // Looked up once per run of messages of a partition.
        for message in messages {
            if let last = current, last.partition != message.partition || last.topic != message.topic { next[last.topicPartition] = last.offset + 1 }
            current = message
        }
        if let current { next[current.topicPartition] = current.offset + 1 }
        done(next)
    }

    /// Notes the next offset to read of some partitions.
    func done(_ next: [KafkaTopicPartition: Int64]) {
        state.withLock { $0.pending.merge(next) { max($0, $1) } }
    }

    /// Whether something is handled and not committed.
    var isDirty: Bool { state.withLock { !$0.pending.isEmpty } }

    /// Commits what is handled. What cannot be committed now is kept for the next call; what belongs to others by now is dropped.
    func commit() async {
        let offsets = state.withLock { state in
            defer { state.pending = [:] }
            return state.pending
        }
        if offsets.isEmpty { return }
        do {
            try await consumer.commit(offsets)
        } catch {
            switch error.code {
            case .partitionLost:
                let owned = consumer.assignment
                let ours = offsets.filter { owned.contains($0.key) }
                // Only some are lost: the others are still to be committed.
                if ours.count < offsets.count { keep(ours) }
            case .rebalanced:
                break
            default:
                keep(offsets)
            }
            logger.debug("commit failed", metadata: Logger.Metadata([.errorClass: "\(error.label)", .error: "\(error)"]))
        }
    }

    private func keep(_ offsets: [KafkaTopicPartition: Int64]) {
        state.withLock { $0.pending.merge(offsets) { max($0, $1) } }
    }
}
