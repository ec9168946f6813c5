import Glibc
import Logging
import NIOCore

/// What a start found on disk.
struct StartReport: Sendable {
    var partitions = 0
    var segments = 0
    var bytes: Int64 = 0
    /// Bytes of torn tails that were cut off, of records and of state.
    var truncatedBytes: Int64 = 0
    /// Places where a batch is damaged in the middle of a log.
    var damaged = 0
    var elapsedMs: Int64 = 0
}

extension Broker {
    /// Opens the data directory, recovers what is in it, and wires the parts together. Call it on the event loop.
    /// - Throws: `BrokerError` when the directory cannot be used or its state cannot be read.
    static func open(_ configuration: BrokerConfiguration, loop: NIOIsolatedEventLoop, logger: Logger) throws -> (Broker, StartReport) {
        let begin = Clock.steadyMs()
        try Directory.create(configuration.dataDirectory + "/topics")
        try Directory.lock(configuration.dataDirectory)
        let (stateLog, recovery) = try openState(configuration.dataDirectory, logger: logger)
        var report = StartReport(truncatedBytes: recovery.truncatedBytes)
        let topics = try recoverTopics(stateLog.state, configuration, logger: logger, report: &report)
        let pipeline = try CommitPipeline(loop: loop, policy: configuration.sync, stateLog: stateLog, dataDirectory: configuration.dataDirectory)
        let broker = Broker(
            configuration: configuration, loop: loop, logger: logger, stateLog: stateLog, pipeline: pipeline,
            reader: try DiskThread(name: "log-reader"), verification: try Verification(), topics: topics,
            producerIDs: try reserve(stateLog, topics: topics))
        broker.createOffsetsTopic()
        report.elapsedMs = Clock.steadyMs() - begin
        return (broker, report)
    }

    /// Replays the journal, the state first: it says which topics' records are still wanted.
    private static func openState(_ directory: String, logger: Logger) throws -> (StateLog, StateLog.Recovery) {
        let entries = try CommitJournal.entries(in: directory)
        try CommitJournal.replay(entries, in: directory) { $0 == "state.log" }
        let (stateLog, recovery) = try StateLog.open(directory: directory)
        let folders = Set(stateLog.state.topics.values.map { "topics/\($0.id)-\($0.name)" })
        try CommitJournal.replay(entries, in: directory) { path in
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 4, Int32(parts[2]) != nil, Segment.baseOffset(name: String(parts[3])) != nil else { return false }
            return folders.contains("\(parts[0])/\(parts[1])")
        }
        try CommitJournal.discard(in: directory)
        if !entries.isEmpty { logger.info("journal replayed", metadata: ["writes": "\(entries.count)"]) }
        return (stateLog, recovery)
    }

    private static func recoverTopics(
        _ state: StoredState, _ configuration: BrokerConfiguration, logger: Logger, report: inout StartReport
    ) throws -> [String: Topic] {
        let directory = configuration.dataDirectory + "/topics"
        var topics: [String: Topic] = [:]
        for stored in state.topics.values where !stored.name.isEmpty {
            // A setting that an older broker allowed must not keep this one from starting.
            let settings = (try? TopicConfiguration(overrides: stored.overrides)) ?? .standard
            topics[stored.name] = Topic(stored: stored, dataDirectory: configuration.dataDirectory, configuration: settings)
        }
        let folders = Set(topics.values.map(\.directory))
        for name in try Directory.names(in: directory) where !folders.contains(directory + "/" + name) {
            // A deletion that was stored, and interrupted before its files were gone.
            Directory.remove(directory + "/" + name)
        }
        for topic in topics.values {
            for partition in topic.partitions {
                let start = state.logStarts[topic.id]?[partition.index] ?? 0
                guard access(partition.directory, F_OK) == 0 else { continue }
                let recovery = try partition.recover(logStart: start)
                report.segments += partition.segments.count
                report.bytes += partition.sizeBytes
                report.truncatedBytes += recovery.truncatedBytes
                report.damaged += recovery.damage.count
                note(recovery, of: partition, logger: logger)
            }
        }
        report.partitions = topics.values.reduce(0) { $0 + $1.partitions.count }
        return topics
    }

    private static func note(_ recovery: PartitionLog.Recovery, of partition: PartitionLog, logger: Logger) {
        let place: Logger.Metadata = ["kafka.topic": "\(partition.topic)", "kafka.partition": "\(partition.index)"]
        if recovery.truncatedBytes > 0 {
            logger.warning("torn tail cut off", metadata: place.merging(["bytes": "\(recovery.truncatedBytes)"]) { $1 })
        }
        for damage in recovery.damage {
            logger.error("damaged log", metadata: place.merging(["file": "\(damage.path)", "position": "\(damage.position)"]) { $1 })
        }
    }

    /// Writes what the start itself changed. False on a full disk: what is stored can still be read, and the write is tried again with the next one.
    private static func storePending(_ stateLog: StateLog) throws -> Bool {
        guard let write = stateLog.takePending() else { return true }
        do throws(BrokerError) {
            try write.file.write(write.bytes, at: write.position)
        } catch {
            try write.file.truncate(to: write.position)
            stateLog.failed(write)
            return false
        }
        try write.file.sync()
        stateLog.written(write)
        return true
    }

    /// Makes sure that producer ids can be given out from the first request on, and that none was given out before.
    private static func reserve(_ stateLog: StateLog, topics: [String: Topic]) throws -> ProducerIDs {
        if stateLog.state.clusterID.isEmpty { stateLog.append(.clusterID(RandomID.cluster())) }
        let seen = topics.values.flatMap(\.partitions).map(\.producers.highestID).max() ?? -1
        var ids = ProducerIDs(next: max(stateLog.state.producerIDsReservedBelow, seen + 1, 1))
        if let bound = ids.reservation() {
            stateLog.append(.producerIDs(reservedBelow: bound))
            ids.reserved(below: bound, stored: try storePending(stateLog))
        }
        return ids
    }
}
