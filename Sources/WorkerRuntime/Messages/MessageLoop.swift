import KafkaClient
import Logging
import Telemetry

/// Takes messages, has those of different keys handled side by side, and commits up to the first gap.
///
/// One task owns all state; fetches, handlers and timers are child tasks that report to it.
struct MessageLoop<Handler: MessageHandler>: Sendable {
    /// The longest wait for messages or for a look at what has changed.
    static var tick: Duration { .milliseconds(100) }

    private enum Report: Sendable {
        case fetched(Result<KafkaBatch, KafkaError>)
        case finished(KafkaMessage, epoch: Int, MessageRunner<Handler>.Result)
        case committed
        case tick
    }

    /// What the owning task keeps.
    private struct State {
        var lanes = MessageLanes()
        /// Rises when partitions go away; what finishes later under an older one no longer counts.
        var epoch = 0
        var generation = 0
        var isFetching = false
        var isTicking = false
        var isCommitting = false
        var lastCommit = ContinuousClock.now
        /// Until when nothing is started, and how often in a row that was needed.
        var pausedUntil: ContinuousClock.Instant?
        var outages = 0
        /// Until when what runs may finish before the partitions are given back.
        var revokeDeadline: ContinuousClock.Instant?
    }

    let runner: MessageRunner<Handler>
    let consumer: KafkaConsumer
    let configuration: WorkerConfiguration
    let control: WorkerControl
    let offsets: Offsets
    let logger: Logger

    /// Runs until the worker drains and what runs has finished, or the worker abandons it.
    func run() async throws {
        try await withThrowingTaskGroup(of: Report.self) { group in
            defer { group.cancelAll() }
            var state = State()
            schedule(&state, &group)
            while let report = try await group.next() {
                try await note(report, &state)
                if control.mustAbandon || (control.isDraining && state.lanes.running == 0) { break }
                schedule(&state, &group)
            }
            offsets.done(state.lanes.takeProgress())
            await offsets.commit()
        }
    }

    /// Takes in what a child task reports.
    private func note(_ report: Report, _ state: inout State) async throws {
        switch report {
        case .fetched(.success(let batch)):
            state.isFetching = false
            note(batch, &state)
        case .fetched(.failure(let error)):
            state.isFetching = false
            try note(error, &state)
        case .finished(let message, let epoch, let result):
            guard epoch == state.epoch else { break }
            try note(message, result, &state)
        case .committed: state.isCommitting = false
        case .tick: state.isTicking = false
        }
        if let deadline = state.revokeDeadline, state.lanes.running == 0 || ContinuousClock.now >= deadline { await giveBack(&state) }
    }

    private func note(_ batch: KafkaBatch, _ state: inout State) {
        for change in batch.rebalances {
            switch change {
            case .assigned(let partitions):
                offsets.assigned(partitions)
                state.lanes = MessageLanes()
                state.epoch += 1
                state.revokeDeadline = nil
                resume(&state)
                control.started()
                logger.info("partitions assigned", metadata: Logger.Metadata([.count: "\(partitions.count)"]))
            case .revoked(let partitions, let lost):
                logger.info("partitions revoked", metadata: Logger.Metadata([.count: "\(partitions.count)", .outcome: lost ? "lost" : "orderly"]))
                // A little less than the consumer waits, so that the commit still falls within.
                state.revokeDeadline = lost ? .now : .now + configuration.revokeLimit * 0.8
            }
        }
        state.generation = batch.generation
        // The consumer works; what a message still waits for is found out by that message.
        if state.lanes.inHand == 0 { resume(&state) }
        for message in batch.messages { state.lanes.accept(message) }
    }

    private func note(_ error: KafkaError, _ state: inout State) throws {
        if error.code == .closed || error.code == .cancelled {
            if control.isDraining { return }
            throw CancellationError()
        }
        let failure = Failure(error)
        if failure.disposition == .fatal { throw WorkerError(.fatal, operation: "consume", message: error.message, underlying: error) }
        pause(failure, &state)
    }

    private func note(_ message: KafkaMessage, _ result: MessageRunner<Handler>.Result, _ state: inout State) throws {
        switch result {
        case .finished:
            state.lanes.finish(message, isDone: true)
            resume(&state)
        case .outage(let failure):
            state.lanes.finish(message, isDone: false)
            pause(failure, &state)
        case .abandoned:
            state.lanes.finish(message, isDone: false)
        case .fatal(let failure):
            throw WorkerError(.fatal, operation: "handle", message: failure.message, underlying: failure)
        }
    }

    private func resume(_ state: inout State) {
        guard state.outages > 0 else { return }
        state.pausedUntil = nil
        state.outages = 0
        control.resumed()
    }

    private func pause(_ failure: Failure, _ state: inout State) {
        control.paused(failure)
        // Those that were under way when the first one failed say the same and do not make the pause longer.
        if let until = state.pausedUntil, ContinuousClock.now < until { return }
        state.pausedUntil = .now + configuration.outageDelay(state.outages)
        state.outages += 1
        logger.warning(
            "paused: a dependency is away",
            metadata: Logger.Metadata([.errorClass: "\(failure.label)", .error: "\(failure.message)", .attempt: "\(state.outages)"]))
    }

    /// Commits what is finished and lets the partitions go; what is not finished comes again, elsewhere.
    private func giveBack(_ state: inout State) async {
        offsets.done(state.lanes.takeProgress())
        await offsets.commit()
        offsets.forget()
        state.lanes = MessageLanes()
        state.epoch += 1
        state.revokeDeadline = nil
        consumer.acknowledgeRevoke()
    }

    /// Starts what may be started.
    private func schedule(_ state: inout State, _ group: inout ThrowingTaskGroup<Report, any Error>) {
        let now = ContinuousClock.now
        // A revocation that has begun and whose event has not been read yet.
        let isRevoking = consumer.generation != state.generation
        let mayStart = !control.isDraining && state.revokeDeadline == nil && !isRevoking
        // While something is away one message at a time finds out whether it is back.
        let isPaused = state.outages > 0
        let mayProbe = state.pausedUntil.map { now >= $0 } ?? true
        let limit = isPaused ? (mayProbe ? 1 : 0) : configuration.concurrency
        while mayStart, state.lanes.running < limit, let message = state.lanes.start() {
            let (runner, consumer, epoch, generation) = (runner, consumer, state.epoch, state.generation)
            group.addTask {
                .finished(message, epoch: epoch, await runner.run(message) { consumer.generation != generation })
            }
        }
        offsets.done(state.lanes.takeProgress())
        if !state.isCommitting, offsets.isDirty, now - state.lastCommit >= configuration.commitInterval {
            state.isCommitting = true
            state.lastCommit = now
            let offsets = offsets
            group.addTask {
                await offsets.commit()
                return .committed
            }
        }
        let room = configuration.maxMessages - state.lanes.inHand
        if !state.isFetching, !control.isDraining, isRevoking || state.lanes.inHand == 0 || (room > 0 && !isPaused) {
            state.isFetching = true
            let (consumer, maxBytes) = (consumer, configuration.maxBytes)
            group.addTask {
                do throws(KafkaError) {
                    return .fetched(.success(try await consumer.next(max: max(1, room), maxBytes: maxBytes, wait: Self.tick)))
                } catch {
                    return .fetched(.failure(error))
                }
            }
        }
        if !state.isTicking {
            state.isTicking = true
            group.addTask {
                try? await Task.sleep(for: Self.tick)
                return .tick
            }
        }
    }
}
