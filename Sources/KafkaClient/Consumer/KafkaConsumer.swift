internal import CRdkafka
public import Logging
import Synchronization
import Threads

/// A consumer over librdkafka that hands over whole batches: a member of a group, or a reader of partitions that it assigns itself.
///
/// Its thread serves the group at all times, also while the application takes no messages, so that nobody waits for this member; a handler that is
/// stuck must be noticed elsewhere. ``close(limit:)`` must be called: the thread ends there.
public final class KafkaConsumer: Sendable {
    private let shared: ConsumerShared
    private let client: ClientReference
    private let blocking: BlockingThread
    private let thread: Mutex<OwnedThread?>
    private let finished: AsyncFlag
    private let configuration: KafkaConsumerConfiguration

    /// Makes the consumer; it connects, and joins its group, in the background.
    /// - Throws: `.invalidConfiguration`, or `.resources` without a thread.
    public init(configuration: KafkaConsumerConfiguration, logger: Logger) throws(KafkaError) {
        var settings = ClientConfiguration()
        try settings.set(configuration.settings, then: configuration.options)
        let handle = try settings.makeClient(RD_KAFKA_CONSUMER)
        rd_kafka_poll_set_consumer(handle.pointer)
        if !configuration.topics.isEmpty {
            let topics = TopicPartitionList(capacity: configuration.topics.count)
            for topic in configuration.topics { topics.append(topic: topic) }
            let response = rd_kafka_subscribe(handle.pointer, topics.pointer)
            guard response == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(response, operation: "subscribe") }
        }
        let shared = ConsumerShared()
        let finished = AsyncFlag()
        let client = ClientReference(handle)
        self.configuration = configuration
        self.shared = shared
        self.finished = finished
        self.client = client
        let blocking = BlockingThread(name: "kafka-block")
        self.blocking = blocking
        do {
            thread = Mutex(
                try OwnedThread(name: "kafka-consume") {
                    Self.consume(configuration, client: client, shared: shared, blocking: blocking, logger: logger)
                    finished.raise()
                })
        } catch {
            throw KafkaError(.resources, operation: "create consumer", message: "\(error)")
        }
    }

    /// The thread's body: sets the wake-up calls, runs the loop, and lets go of everything in order.
    private static func consume(
        _ configuration: KafkaConsumerConfiguration, client: ClientReference, shared: ConsumerShared, blocking: BlockingThread, logger: Logger
    ) {
        guard let handle = try? client.handle("consume") else { return }
        let control = QueueHandle(owning: rd_kafka_queue_get_consumer(handle.pointer), of: handle)
        let messages = QueueHandle(owning: rd_kafka_queue_new(handle.pointer), of: handle)
        // Called by librdkafka's threads when a queue was empty and is no longer; `shared` outlives both queues.
        let opaque = Unmanaged.passUnretained(shared).toOpaque()
        for queue in [control, messages] {
            rd_kafka_queue_cb_event_enable(
                queue.pointer,
                { _, opaque in
                    guard let opaque else { return }
                    Unmanaged<ConsumerShared>.fromOpaque(opaque).takeUnretainedValue().wake.raise()
                }, opaque)
        }
        ConsumerLoop(
            configuration: configuration, client: handle, control: control, messages: messages, shared: shared, blocking: blocking, logger: logger
        ).run()
        for queue in [control, messages] { rd_kafka_queue_cb_event_enable(queue.pointer, nil, nil) }
        client.drop()
    }

    /// Waits for messages or a rebalance and returns as soon as there is any, or with an empty batch when `wait` is over.
    ///
    /// One call at a time. `maxBytes` counts keys and values and may be passed by one message. Messages that are not asked for stay with librdkafka,
    /// which stops fetching at its prefetch limits. After a revocation no messages come until ``acknowledgeRevoke()`` or the revoke limit.
    /// - Throws: `.fatal` when the client is dead, `.unknownTopic`, `.unauthorized` or `.corrupt` as they are met (further calls go on), `.closed`,
    ///   `.cancelled`.
    public func next(max: Int, maxBytes: Int = 8 << 20, wait: Duration) async throws(KafkaError) -> KafkaBatch {
        guard max > 0, maxBytes > 0 else { throw KafkaError(.invalidArgument, operation: "next", message: "the limits must be above zero") }
        let id = shared.demandID()
        let result: Result<KafkaBatch, KafkaError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                shared.demand(
                    ConsumerShared.Demand(
                        id: id, maxMessages: max, maxBytes: maxBytes, deadline: .now + wait, continuation: continuation))
                // A cancellation before the call was registered found nothing to cancel.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
        return try result.get()
    }

    /// Whether a call of `next` waits; for tests that must not act before it does.
    var isAwaited: Bool { shared.waiting != nil }

    private func cancel(_ id: Int) {
        _ = shared.fulfil(id, .failure(KafkaError(.cancelled, operation: "next", message: "the task was cancelled")))
    }

    /// Says that everything of the revoked partitions is finished and committed, so that they can go to others.
    public func acknowledgeRevoke() {
        shared.submit(.acknowledgeRevoke)
    }

    /// What this consumer owns now.
    public var assignment: Set<KafkaTopicPartition> { shared.assignment }

    /// Rises with each assignment and with the beginning of each revocation. A batch whose ``KafkaBatch/generation`` is older holds messages that
    /// are being, or have been, given to others.
    public var generation: Int { shared.generation }

    /// False after the loss of all brokers, until one answers again; for health reports.
    public var isReachable: Bool { shared.isReachable }

    /// Commits for each partition the offset of the message to be read next, and waits for the coordinator's answer.
    /// - Throws: `.partitionLost` for a partition that this member no longer owns (nothing is committed then), `.rebalanced` when the group moved
    ///   on, `.timeout` without an answer, `.closed`.
    public func commit(_ offsets: [KafkaTopicPartition: Int64]) async throws(KafkaError) {
        try await ask { .commit(offsets, $0) }
    }

    /// Reads these partitions, and no others, from the given offsets; for a consumer without a group.
    public func assign(_ offsets: [KafkaTopicPartition: KafkaOffset]) async throws(KafkaError) {
        try await ask { .assign(offsets, replacing: true, $0) }
    }

    /// Reads these partitions too; the others go on where they are.
    public func add(_ offsets: [KafkaTopicPartition: KafkaOffset]) async throws(KafkaError) {
        try await ask { .assign(offsets, replacing: false, $0) }
    }

    /// Goes on reading at another offset; messages that were fetched ahead are dropped.
    /// - Throws: `.partitionLost` when it is not assigned.
    public func seek(_ partition: KafkaTopicPartition, to offset: KafkaOffset) async throws(KafkaError) {
        try await ask { .seek(partition, offset, $0) }
    }

    /// Stops fetching from these partitions; they stay assigned. A rebalance ends the pause.
    public func pause(_ partitions: [KafkaTopicPartition]) async throws(KafkaError) {
        try await ask { .pause(partitions, true, $0) }
    }

    /// Goes on fetching where the application's reading stands.
    public func resume(_ partitions: [KafkaTopicPartition]) async throws(KafkaError) {
        try await ask { .pause(partitions, false, $0) }
    }

    private func ask(_ command: (ConsumerShared.Reply) -> ConsumerShared.Command) async throws(KafkaError) {
        let result: Result<Void, KafkaError> = await withCheckedContinuation { shared.submit(command($0)) }
        try result.get()
    }

    /// The group's committed offsets; partitions without one are left out.
    public func committed(_ partitions: [KafkaTopicPartition], limit: Duration = .seconds(5)) async throws(KafkaError) -> [KafkaTopicPartition: Int64]
    {
        let client = client
        return try await blocking.run("committed") { () throws(KafkaError) in
            let handle = try client.handle("committed")
            let list = TopicPartitionList(partitions)
            let response = rd_kafka_committed(handle.pointer, list.pointer, limit.clampedMilliseconds)
            guard response == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(response, operation: "committed") }
            var offsets: [KafkaTopicPartition: Int64] = [:]
            for entry in list.entries where entry.offset >= 0 { offsets[entry.partition] = entry.offset }
            return offsets
        }
    }

    /// The next offset of each partition of a topic.
    /// - Throws: `.unknownTopic`, or `.timeout` or `.unreachable` without an answer within `limit`.
    public func endOffsets(topic: String, limit: Duration = .seconds(5)) async throws(KafkaError) -> [Int32: Int64] {
        let client = client
        return try await blocking.run("end offsets") { () throws(KafkaError) in
            let handle = try client.handle("end offsets")
            let count = try handle.partitionCount(of: TopicHandle(topic, of: handle), limit: limit)
            let partitions = (0..<Int32(count)).map { KafkaTopicPartition(topic: topic, partition: $0) }
            let offsets = try handle.listOffsets(partitions, at: .end, limit: limit)
            return Dictionary(uniqueKeysWithValues: offsets.map { ($0.key.partition, $0.value) })
        }
    }

    /// The oldest and next offsets of a topic's partitions.
    /// - Throws: as ``endOffsets(topic:limit:)``.
    public func offsets(topic: String, limit: Duration = .seconds(5)) async throws(KafkaError) -> [Int32: KafkaOffsetRange] {
        let client = client
        return try await blocking.run("offsets") { () throws(KafkaError) in
            let handle = try client.handle("offsets")
            let count = try handle.partitionCount(of: TopicHandle(topic, of: handle), limit: limit)
            return try handle.offsetRanges(topic: topic, partitions: count, limit: limit)
        }
    }

    /// Commits what was handed over, leaves the group and ends the thread; returns false when that took longer than `limit` and the thread was left
    /// behind (librdkafka #4187). Messages in hand are the application's; finish and commit them before.
    @discardableResult
    public func close(limit: Duration = .seconds(5)) async -> Bool {
        shared.close(limit: limit)
        await blocking.stop()
        guard await finished.wait(limit: limit + .seconds(2)) else { return false }
        // The body has returned, so this does not block.
        thread.withLock { $0.take() }?.join()
        return true
    }
}

/// The client as long as it is open; blocking calls borrow it and may outlive the loop by their own limit.
final class ClientReference: Sendable {
    private let handleOrNil: Mutex<ClientHandle?>

    init(_ handle: ClientHandle) {
        handleOrNil = Mutex(handle)
    }

    /// - Throws: `.closed` after `drop`.
    func handle(_ operation: String) throws(KafkaError) -> ClientHandle {
        guard let handle = handleOrNil.withLock({ $0 }) else { throw KafkaError(.closed, operation: operation, message: "the client was closed") }
        return handle
    }

    func drop() {
        handleOrNil.withLock { $0 = nil }
    }
}
