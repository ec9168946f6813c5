import Logging
import NIOCore

/// The broker: topics, groups, producer ids, and the connections that use them.
///
/// All of it is confined to one event loop, so there is not a lock in it; the disk's slow part runs on the ``WriterThread``.
final class Broker {
    /// The id of the only node.
    static let nodeID: Int32 = 1

    let configuration: BrokerConfiguration
    let loop: NIOIsolatedEventLoop
    let logger: Logger
    let stateLog: StateLog
    let pipeline: CommitPipeline
    let groups: GroupCoordinator
    var topics: [String: Topic] = [:]
    var producerIDs: ProducerIDs
    /// Where clients are told to connect; set once the port is known.
    var advertised = HostPort(host: "", port: 0)

    /// Reads what is not in the page cache, so that the event loop never waits for it.
    let reader: DiskThread
    /// Reads again what recovery did not.
    let verification: Verification
    /// Memory for large fetch answers.
    var answerBuffers = AnswerBuffers()

    private var connections: [ObjectIdentifier: Connection] = [:]
    private var heldMemory = HeldMemory()
    private var readyWaiters: [FetchWaiter] = []
    private var wasOverloaded = false

    init(
        configuration: BrokerConfiguration, loop: NIOIsolatedEventLoop, logger: Logger, stateLog: StateLog, pipeline: CommitPipeline,
        reader: DiskThread, verification: Verification, topics: [String: Topic], producerIDs: ProducerIDs
    ) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.stateLog = stateLog
        self.pipeline = pipeline
        self.reader = reader
        self.verification = verification
        self.topics = topics
        self.producerIDs = producerIDs
        groups = GroupCoordinator(loop: loop, stateLog: stateLog, pipeline: pipeline, initialDelayMs: configuration.initialRebalanceDelayMs)
        pipeline.onReadable = { [weak self] partition, bytes in self?.readable(partition, bytes: bytes) }
        pipeline.onRoundEnd = { [weak self] in self?.roundEnded() }
    }

    /// The partition with this name, or nil.
    func partition(_ topic: String, _ index: Int32) -> PartitionLog? {
        topics[topic]?.partition(index)
    }

    /// Partitions of all topics.
    var partitionCount: Int { topics.values.reduce(0) { $0 + $1.partitions.count } }

    // MARK: Connections

    /// Whether more must be written before more is read.
    var isOverloaded: Bool { pipeline.unwrittenBytes > BrokerLimits.maxUnwrittenBytes }

    /// Takes a connection in; false when there are too many.
    func opened(_ connection: Connection) -> Bool {
        guard connections.count < BrokerLimits.maxConnections else {
            logger.warning("connection refused: too many", metadata: ["connections": "\(connections.count)"])
            return false
        }
        connections[ObjectIdentifier(connection)] = connection
        return true
    }

    /// Lets a connection go.
    func closed(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        heldMemory.note(connection, bytes: 0, hasProgressed: false)
    }

    /// A connection holds this much of requests that are not complete and answers that are not read.
    func holds(_ connection: Connection, bytes: Int, hasProgressed: Bool) {
        heldMemory.note(connection, bytes: bytes, hasProgressed: hasProgressed)
        while let victim = heldMemory.victim() {
            logger.warning(
                "connection closed: too much is held", metadata: ["bytes": "\(heldMemory.total)", "client.address": "\(victim.remoteHost)"])
            heldMemory.note(victim, bytes: 0, hasProgressed: false)
            victim.close()
        }
    }

    /// A connection sent something that is no request.
    func refused(_ connection: Connection, _ error: BrokerError) {
        logger.debug("connection closed", metadata: ["error": "\(error)", "client.address": "\(connection.remoteHost)"])
    }

    /// Leaves everything on disk; see ``CommitPipeline/close(_:)``.
    func close() -> BrokerError? {
        groups.stop()
        reader.stop()
        verification.stop()
        return pipeline.close(topics.values.flatMap(\.partitions))
    }

    /// Closes every connection.
    func closeConnections() {
        for connection in connections.values { connection.close() }
    }

    // MARK: Waking

    private func readable(_ partition: PartitionLog, bytes: Int) {
        for waiter in partition.waiters.values {
            waiter.missingBytes -= bytes
            if waiter.missingBytes <= 0 { readyWaiters.append(waiter) }
        }
    }

    private func roundEnded() {
        let ready = readyWaiters
        readyWaiters.removeAll(keepingCapacity: true)
        for waiter in ready { finish(waiter) }
        let isOverloaded = isOverloaded
        if wasOverloaded, !isOverloaded {
            for connection in connections.values { connection.resume() }
        }
        wasOverloaded = isOverloaded
    }

    // MARK: Retention

    /// Applies every topic's retention, and again at each interval.
    func keepRetention() {
        let now = Clock.nowMs()
        for topic in topics.values {
            for partition in topic.partitions {
                do throws(BrokerError) {
                    let removed = try partition.applyRetention(nowMs: now)
                    if removed > 0 {
                        logger.debug(
                            "segments removed",
                            metadata: ["kafka.topic": "\(topic.name)", "kafka.partition": "\(partition.index)", "segments": "\(removed)"])
                    }
                } catch {
                    logger.warning("retention failed", metadata: ["kafka.topic": "\(topic.name)", "error": "\(error)"])
                }
            }
        }
        groups.removeEmpty()
        loop.scheduleTask(in: .milliseconds(configuration.retentionCheckMs)) { [weak self] in self?.keepRetention() }
    }
}
