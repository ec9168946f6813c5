import NIOCore

/// Collects what a turn of the event loop appends, writes it in one round, and then lets the answers go: group commit.
///
/// Confined to the event loop. One round is under way at a time; what comes meanwhile makes up the next one. With ``SyncPolicy/always`` a round runs on the
/// writer's thread and ends after one `fdatasync` (``CommitJournal``); otherwise it is a write into the page cache, done at once on the event loop, which is cheaper than waking a
/// thread, and the thread makes things durable later.
final class CommitPipeline {
    private let loop: NIOIsolatedEventLoop
    private let policy: SyncPolicy
    private let stateLog: StateLog
    private let thread = WriterThread(name: "log-writer")
    private let checkpoints: DiskThread
    private var checkpointIsUnderWay = false

    /// Called for each partition with new readable bytes.
    var onReadable: ((PartitionLog, Int) -> Void)?
    /// Called at the end of each round.
    var onRoundEnd: (() -> Void)?
    /// Called when durability failed; the broker must stop.
    var onFatal: ((BrokerError) -> Void)?

    private var dirty: [ObjectIdentifier: PartitionLog] = [:]
    private var partitionsUnderWay: [PartitionLog] = []
    private var stateWrite: WriteRound.Write?
    private var compactionWrite: WriteRound.Write?
    private var stateWaiters: [(ErrorCode) -> Void] = []
    private var stateWaitersUnderWay: [(ErrorCode) -> Void] = []
    private var mustSync = false
    private var isScheduled = false
    private var isUnderWay = false
    /// Bytes accepted and not written.
    private(set) var unwrittenBytes = 0
    private var bytesUnderWay = 0

    /// Files and directories written since they were last made durable.
    private var unsynced: [ObjectIdentifier: LogFile] = [:]
    private var unsyncedDirectories: Set<String> = []
    private var syncIsScheduled = false

    init(loop: NIOIsolatedEventLoop, policy: SyncPolicy, stateLog: StateLog, dataDirectory: String) throws {
        self.loop = loop
        self.policy = policy
        self.stateLog = stateLog
        checkpoints = try DiskThread(name: "log-checkpoints")
        try thread.start(journal: policy == .always ? CommitJournal(directory: dataDirectory) : nil)
    }

    /// Whether something waits to be written.
    var isIdle: Bool { !isUnderWay && dirty.isEmpty && stateLog.pending.readableBytes == 0 }

    /// `log` has `bytes` more to write.
    func touch(_ log: PartitionLog, bytes: Int) {
        dirty[ObjectIdentifier(log)] = log
        unwrittenBytes += bytes
        schedule()
    }

    /// Appends to the state log and calls `done` when it is stored. `durable` asks for `fdatasync` under every policy.
    func append(_ records: [StateRecord], durable: Bool = false, done: ((ErrorCode) -> Void)? = nil) {
        for record in records { stateLog.append(record) }
        if durable { mustSync = true }
        if let done { stateWaiters.append(done) }
        schedule()
    }

    /// Forgets a partition that was deleted.
    func forget(_ log: PartitionLog) {
        dirty[ObjectIdentifier(log)] = nil
    }

    private func schedule() {
        guard !isScheduled, !isUnderWay else { return }
        isScheduled = true
        // At the end of this turn: whatever other connections brought in the same turn goes along.
        loop.execute {
            self.isScheduled = false
            self.start()
        }
    }

    private func start() {
        guard !isUnderWay else { return }
        var round = WriteRound()
        if let write = stateLog.takePending() {
            stateWrite = write
            round.writes.append(write)
        } else if let compaction = try? stateLog.compaction() {
            compactionWrite = compaction.write
            round.writes.append(compaction.write)
            round.publication = compaction.publication
        }
        partitionsUnderWay = Array(dirty.values)
        dirty.removeAll(keepingCapacity: true)
        for partition in partitionsUnderWay { partition.contribute(to: &round) }
        stateWaitersUnderWay = stateWaiters
        stateWaiters.removeAll(keepingCapacity: true)
        round.mustSync = mustSync
        mustSync = false
        guard !round.isEmpty || !stateWaitersUnderWay.isEmpty else {
            unwrittenBytes = 0
            return
        }
        isUnderWay = true
        bytesUnderWay = unwrittenBytes
        if policy == .always {
            let me = NIOLoopBound(self, eventLoop: loop.nonisolated())
            thread.submit(round, sync: true) { outcome in me.eventLoop.execute { me.value.finish(outcome) } }
        } else {
            for write in round.writes { unsynced[ObjectIdentifier(write.file)] = write.file }
            unsyncedDirectories.formUnion(round.directories)
            finish(round.perform(sync: false))
            scheduleSync()
        }
    }

    private func finish(_ outcome: WriteRound.Outcome) {
        if let fatal = outcome.fatal {
            onFatal?(fatal)
            return
        }
        isUnderWay = false
        unwrittenBytes -= bytesUnderWay
        let stateError = finishState(outcome)
        for partition in partitionsUnderWay {
            let gained = partition.finish(outcome)
            if gained > 0 { onReadable?(partition, gained) }
            if !checkpointIsUnderWay, let due = partition.takeCheckpoint() { write(due.checkpoint, of: due.file) }
        }
        partitionsUnderWay.removeAll(keepingCapacity: true)
        let waiters = stateWaitersUnderWay
        stateWaitersUnderWay.removeAll(keepingCapacity: true)
        for done in waiters { done(stateError) }
        onRoundEnd?()
        if !dirty.isEmpty || !stateWaiters.isEmpty { schedule() }
    }

    private func finishState(_ outcome: WriteRound.Outcome) -> ErrorCode {
        defer { (stateWrite, compactionWrite) = (nil, nil) }
        if let write = compactionWrite, outcome.failures[ObjectIdentifier(write.file)] == nil { stateLog.compacted(write) }
        guard let write = stateWrite else { return .none }
        if outcome.failures[ObjectIdentifier(write.file)] != nil {
            stateLog.failed(write)
            return .kafkaStorageError
        }
        stateLog.written(write)
        return .none
    }

    // MARK: Durability in the background

    /// One at a time; a partition whose turn it is not is asked again after its next round.
    private func write(_ checkpoint: SegmentCheckpoint, of file: LogFile) {
        checkpointIsUnderWay = true
        let me = NIOLoopBound(self, eventLoop: loop.nonisolated())
        checkpoints.submit {
            var failure: BrokerError?
            do throws(BrokerError) { try checkpoint.write(for: file) } catch { failure = error }
            me.eventLoop.execute { [failure] in
                me.value.checkpointIsUnderWay = false
                // Without its checkpoint a segment is read from the start, which is no harm; a sync that failed is.
                if let failure, failure.code == .sync { me.value.onFatal?(failure) }
            }
        }
    }

    private func scheduleSync() {
        guard case .interval(let ms) = policy, !syncIsScheduled, !unsynced.isEmpty else { return }
        syncIsScheduled = true
        loop.scheduleTask(in: .milliseconds(ms)) { self.syncInBackground() }
    }

    private func syncInBackground() {
        let me = NIOLoopBound(self, eventLoop: loop.nonisolated())
        thread.submit(takeUnsynced(), sync: true) { outcome in
            me.eventLoop.execute {
                me.value.syncIsScheduled = false
                if let fatal = outcome.fatal { me.value.onFatal?(fatal) }
                me.value.scheduleSync()
            }
        }
    }

    private func takeUnsynced() -> WriteRound {
        var round = WriteRound()
        round.files = Array(unsynced.values)
        round.directories = unsyncedDirectories
        unsynced.removeAll(keepingCapacity: true)
        unsyncedDirectories.removeAll()
        return round
    }

    /// Makes all that was written durable, leaves checkpoints for a quick start, and ends the threads. Call it once, when no more requests come and
    /// ``isIdle`` holds.
    func close(_ partitions: [PartitionLog]) -> BrokerError? {
        checkpoints.stop()
        let failure = thread.stop() ?? takeUnsynced().perform(sync: true).fatal
        if let failure { return failure }
        for partition in partitions {
            while let due = partition.takeCheckpoint(isLast: true) {
                do throws(BrokerError) { try due.checkpoint.write(for: due.file) } catch { if error.code == .sync { return error } }
            }
        }
        return nil
    }
}
