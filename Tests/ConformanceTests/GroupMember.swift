import KafkaClient
import KafkaTestSupport
import Synchronization

/// A member of a group that consumes and commits until it is told to leave.
final class GroupMember: Sendable {
    let consumer: KafkaConsumer
    private let messages = Mutex<[KafkaMessage]>([])
    private let failure = Mutex<KafkaError?>(nil)
    private let work: Mutex<Task<Void, Never>?>

    init(_ bootstrap: String, group: String, topic: String) throws {
        var configuration = KafkaConsumerConfiguration(bootstrapServers: bootstrap, clientID: "conformance", groupID: group, topics: [topic])
        // The shortest session that Apache Kafka allows by default.
        configuration.sessionTimeout = .seconds(6)
        configuration.heartbeatInterval = .milliseconds(300)
        configuration.options = ["topic.metadata.refresh.interval.ms": "500"]
        consumer = try KafkaConsumer(configuration: configuration, logger: .quiet)
        work = Mutex(nil)
        work.withLock { $0 = Task { await self.consume() } }
    }

    /// What it has read since the last ``forget()``.
    var read: [KafkaMessage] { messages.withLock { $0 } }

    /// The partitions that it owns.
    var owned: Set<Int32> { Set(consumer.assignment.map(\.partition)) }

    /// Begins a new count.
    func forget() { messages.withLock { $0 = [] } }

    /// Leaves the group.
    /// - Throws: what went wrong while it was a member.
    func leave() async throws {
        let task = work.withLock { $0 }
        task?.cancel()
        await task?.value
        await consumer.close()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private func consume() async {
        while !Task.isCancelled {
            do {
                let batch = try await consumer.next(max: 500, wait: .milliseconds(100))
                for case .revoked in batch.rebalances { consumer.acknowledgeRevoke() }
                guard !batch.messages.isEmpty else { continue }
                messages.withLock { $0 += batch.messages }
                var ends: [KafkaTopicPartition: Int64] = [:]
                for message in batch.messages { ends[message.topicPartition] = message.offset + 1 }
                try await consumer.commit(ends)
            } catch {
                switch error.code {
                case .cancelled: return
                // Refused rightly when partitions moved meanwhile; the new owner reads those again.
                case .partitionLost, .rebalanced, .notReady: continue
                default:
                    failure.withLock { $0 = $0 ?? error }
                    return
                }
            }
        }
    }
}
