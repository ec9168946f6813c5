internal import CRdkafka
import Glibc
import Logging

/// The consumer's thread: the only one that polls, assigns and commits. Everything in here is confined to it.
///
/// Messages arrive in a queue of their own, apart from rebalances, commits and errors, so that the loop serves the group at all times and still takes
/// messages only when the application asks. What is fetched ahead is bounded by librdkafka's prefetch limits.
final class ConsumerLoop {
    /// The longest sleep; events and commands wake the thread at once.
    static let pollLimit = Duration.milliseconds(100)
    /// How long one question whether a broker is there may take, and the pause between two.
    static let probe = (limit: Duration.milliseconds(250), pause: Duration.milliseconds(500))

    struct PendingRevoke {
        let deadline: ContinuousClock.Instant
    }

    struct PendingCommit {
        let reply: ConsumerShared.Reply
        let deadline: ContinuousClock.Instant
    }

    let configuration: KafkaConsumerConfiguration
    let client: ClientHandle
    let control: QueueHandle
    let messages: QueueHandle
    let shared: ConsumerShared
    let logger: Logger
    let clock = ContinuousClock()

    var assignment: Set<KafkaTopicPartition> = [] { didSet { shared.assignment = assignment } }
    /// Where the application's reading stands: the next offset of each partition.
    var positions: [KafkaTopicPartition: Int64] = [:]
    var rebalances: [KafkaRebalance] = []
    var revoke: PendingRevoke?
    var commits: [UInt: PendingCommit] = [:]
    var lastCommit: UInt = 0
    var failure: KafkaError?
    var isClosing = false
    /// Messages read already and not delivered: for a call that was cancelled, or met in the control queue. They come before all others.
    private var undelivered: [KafkaMessage] = []
    private var topicName = TopicNameCache()
    private let blocking: BlockingThread
    private var nextProbe: ContinuousClock.Instant?
    /// A connection broke since a broker was asked.
    private var isInDoubt = false

    init(
        configuration: KafkaConsumerConfiguration, client: ClientHandle, control: QueueHandle, messages: QueueHandle, shared: ConsumerShared,
        blocking: BlockingThread, logger: Logger
    ) {
        self.blocking = blocking
        self.configuration = configuration
        self.client = client
        self.control = control
        self.messages = messages
        self.shared = shared
        self.logger = logger
    }

    /// Runs until closed.
    func run() {
        while shared.closeLimit == nil {
            shared.wake.wait(sleepLimit())
            for command in shared.takeCommands() { carryOut(command) }
            serveControl()
            expire()
            probe()
            serveDemand()
        }
        close(limit: shared.closeLimit ?? .zero)
    }

    private func sleepLimit() -> Duration {
        let now = clock.now
        var end = now + Self.pollLimit
        if let demand = shared.waiting { end = min(end, demand.deadline) }
        if let revoke { end = min(end, revoke.deadline) }
        return max(.zero, now.duration(to: end))
    }

    /// Handles everything in the control queue.
    private func serveControl() {
        while let event = control.poll(milliseconds: 0) {
            switch event.type {
            case RD_KAFKA_EVENT_REBALANCE: rebalance(event)
            case RD_KAFKA_EVENT_OFFSET_COMMIT: finishCommit(event)
            case RD_KAFKA_EVENT_FETCH: takeStray(event)
            case RD_KAFKA_EVENT_ERROR: note(event)
            case RD_KAFKA_EVENT_LOG: event.log(to: logger)
            default: break
            }
        }
    }

    /// Keeps an error for the application where it should know, else only notes it.
    private func note(_ event: borrowing Event) {
        guard let error = event.error(operation: "consume") else { return }
        switch event.response {
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            shared.isReachable = false
            isInDoubt = true  // an answer that is on its way may be older than this
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__TIMED_OUT:
            isInDoubt = true  // librdkafka connects again by itself
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            break
        case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
            failure = deadClient(event.response)
        default:
            failure = error
        }
        logger.debug("consumer error", metadata: ["kafka.error": "\(error)"])
    }

    /// Why librdkafka declared this client dead.
    private func deadClient(_ response: rd_kafka_resp_err_t) -> KafkaError {
        let (reason, text) = client.fatalReason()
        guard [response, reason].contains(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), let instance = configuration.instanceID else {
            return KafkaError(.fatal, operation: "consume", message: text, underlying: "_FATAL")
        }
        return KafkaError(
            .fenced, operation: "consume",
            message: "another consumer of the group \(configuration.groupID ?? "") has the instance id \(instance) and has taken over its partitions",
            underlying: "_FENCED_INSTANCE_ID")
    }

    /// Ends what has waited too long.
    private func expire() {
        let now = clock.now
        if let revoke, now >= revoke.deadline {
            logger.debug("revoke was not acknowledged in time")
            finishRevoke()
        }
        for (id, commit) in commits where now >= commit.deadline {
            commits[id] = nil
            commit.reply.resume(returning: .failure(KafkaError(.timeout, operation: "commit", message: "no answer from the coordinator in time")))
        }
    }

    /// Asks a broker after a connection broke, and then now and then until one answers: without traffic nothing else would tell.
    private func probe() {
        guard isInDoubt || !shared.isReachable else { return }
        let now = clock.now
        if let nextProbe, now < nextProbe { return }
        nextProbe = now + Self.probe.pause
        isInDoubt = false
        let (client, shared) = (client, shared)
        _ = blocking.submit("probe") { shared.isReachable = client.answers(within: Self.probe.limit) }
    }

    /// Answers a waiting `next` if there is something for it or its time is up.
    private func serveDemand() {
        guard let demand = shared.waiting else { return }
        var batch = KafkaBatch(rebalances: rebalances, generation: shared.generation)
        rebalances = []
        if revoke == nil, failure == nil { read(demand, into: &batch) }
        if batch.isEmpty, let error = failure.take() {
            _ = shared.fulfil(demand.id, .failure(error))
        } else if !batch.isEmpty || clock.now >= demand.deadline {
            if !shared.fulfil(demand.id, .success(batch)) {
                rebalances = batch.rebalances
                undelivered = batch.messages + undelivered
            }
        }
    }

    /// Takes messages that have arrived, one by one: the batch calls of 2.0.2 skip offsets around a pause (librdkafka #4208).
    private func read(_ demand: ConsumerShared.Demand, into batch: inout KafkaBatch) {
        if !undelivered.isEmpty {
            batch.messages = Array(undelivered.prefix(demand.maxMessages))
            undelivered.removeFirst(batch.messages.count)
            return
        }
        var bytes = 0
        var current: KafkaTopicPartition?
        var next: Int64 = 0
        while batch.messages.count < demand.maxMessages, bytes < demand.maxBytes {
            guard let event = messages.poll(milliseconds: 0) else { break }
            guard event.type == RD_KAFKA_EVENT_FETCH else {
                note(event)
                if failure != nil { break }
                continue
            }
            while let message = rd_kafka_event_message_next(event.pointer) {
                if message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                    if message.pointee.err != RD_KAFKA_RESP_ERR__PARTITION_EOF { failure = KafkaError(message.pointee.err, operation: "consume") }
                    continue
                }
                let read = copy(message)
                if current?.partition != read.partition || current?.topic != read.topic {
                    if let current { positions[current] = next }
                    current = read.topicPartition
                }
                next = read.offset + 1
                bytes += (read.key?.count ?? 0) + (read.value?.count ?? 0)
                batch.messages.append(read)
            }
        }
        if let current {
            positions[current] = next
            shared.isReachable = true
        }
    }

    private func copy(_ message: UnsafePointer<rd_kafka_message_t>) -> KafkaMessage {
        let topic = topicName.name(of: message)
        return KafkaMessage(
            copying: message, topic: topic, withValue: configuration.copiesValues || configuration.copiesValuesOf.contains(topic))
    }

    /// Keeps a message that came through the control queue: librdkafka takes a partition's routing back when its fetching stops, which may happen
    /// after we set it for a new assignment. It is set again here; what follows in this queue is still taken before anything of the other.
    private func takeStray(_ event: borrowing Event) {
        while let message = rd_kafka_event_message_next(event.pointer) {
            guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            let read = copy(message)
            guard assignment.contains(read.topicPartition) else { continue }
            route(read.topicPartition)
            positions[read.topicPartition] = read.offset + 1
            undelivered.append(read)
        }
    }

    /// Forgets what was read but not delivered of partitions that are gone or are read from elsewhere now.
    func dropUndelivered(_ isGone: (KafkaTopicPartition) -> Bool) {
        undelivered.removeAll { isGone($0.topicPartition) }
    }
}

/// Remembers the last topic's name, as consecutive messages nearly always share it.
struct TopicNameCache {
    private var bytes: [CChar] = []
    private var name = ""

    mutating func name(of message: UnsafePointer<rd_kafka_message_t>) -> String {
        guard let topic = message.pointee.rkt, let text = rd_kafka_topic_name(topic) else { return "" }
        let same = !bytes.isEmpty && bytes.withUnsafeBufferPointer { $0.baseAddress.map { strcmp($0, text) == 0 } ?? false }
        if !same {
            name = String(cString: text)
            bytes = name.utf8CString.map { $0 }
        }
        return name
    }
}
