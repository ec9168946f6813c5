import Domain
import KafkaClient
import Logging
import Telemetry

/// Takes messages, has those of different keys (or all, see ``WorkerConfiguration/ordersByKey``) handled side by side, and commits up to the first gap.
///
/// One task owns all state; fetches, handlers and timers are child tasks that report to it.
struct MessageLoop<Handler: MessageHandler>: Sendable {
    /// The longest wait for messages or for a look at what has changed.
    static var tick: Duration { .milliseconds(100) }

    private enum Report: Sendable {
        case fetched(Result<KafkaBatch, KafkaError>)
        case finished(KafkaMessage, epoch: Int, MessageRunner<Handler>.Result)
        case committed
        case held(Bool, isDone: Bool)
        case tick
    }

    /// What the owning task keeps.
    private struct State {
        var lanes: MessageLanes
        /// Of those in hand, what waits until it is due.
        var delayed = DelayedMessages()
        /// Rises when partitions go away; what finishes later under an older one no longer counts.
        var epoch = 0
        var generation = 0
        var isFetching = false
        var isTicking = false
        var isCommitting = false
        var lastCommit = ContinuousClock.now
        /// Calls of the handler under way, also of partitions that have gone.
        var calls = 0
        /// Whether fetching from the retry topics stands still, and whether that is just being changed.
        var holdsRetries = false
        var isSwitching = false
        /// Until when nothing is started, how often in a row that was needed, and whether the consumer is to blame.
        var pausedUntil: ContinuousClock.Instant?
        var outages = 0
        var isConsumersFault = false
        /// Until when what runs may finish before the partitions are given back.
        var revokeDeadline: ContinuousClock.Instant?
    }

    let runner: MessageRunner<Handler>
    /// The names of the topics whose records say when they are due.
    let retryTopics: Set<String>
    /// The name of the topic whose records were delivered elsewhere first.
    let redriveTopic: String?
    let consumer: KafkaConsumer
    let configuration: WorkerConfiguration
    let control: WorkerControl
    let offsets: Offsets
    let watchdog: Watchdog
    let logger: Logger

    /// Runs until the worker drains and what runs has finished, or the worker abandons it.
    func run() async throws {
        try await withThrowingTaskGroup(of: Report.self) { group in
            defer { group.cancelAll() }
            var state = State(lanes: MessageLanes(ordersByKey: configuration.ordersByKey))
            do {
                schedule(&state, &group)
                while let report = try await group.next() {
                    try await note(report, &state)
                    if control.mustAbandon || (control.isDraining && state.lanes.running == 0) { break }
                    schedule(&state, &group)
                }
            } catch {
                await settle(&state)
                throw error
            }
            await settle(&state)
        }
    }

    /// Commits what is finished.
    private func settle(_ state: inout State) async {
        offsets.done(state.lanes.takeProgress())
        await offsets.commit()
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
            state.calls -= 1
            guard epoch == state.epoch else { break }
            try note(message, result, &state)
        case .committed: state.isCommitting = false
        case .held(let holds, let isDone):
            state.isSwitching = false
            // Also when the partitions changed meanwhile: then it is undone as soon as nothing asks for it.
            guard isDone else { break }
            state.holdsRetries = holds
            logger.debug(
                holds ? "retry topics stand still" : "retry topics go on", metadata: Logger.Metadata([.count: "\(state.delayed.count)"]))
        case .tick:
            state.isTicking = false
        }
        if let deadline = state.revokeDeadline, state.lanes.running == 0 || ContinuousClock.now >= deadline { await giveBack(&state) }
    }

    private func note(_ batch: KafkaBatch, _ state: inout State) {
        for change in batch.rebalances {
            switch change {
            case .assigned(let partitions):
                offsets.assigned(partitions)
                state.lanes = MessageLanes(ordersByKey: configuration.ordersByKey)
                state.delayed = DelayedMessages()
                state.epoch += 1
                state.revokeDeadline = nil
                state.holdsRetries = false
                control.started()
                logger.info("partitions assigned", metadata: Logger.Metadata([.count: "\(partitions.count)"]))
            case .revoked(let partitions, let lost):
                logger.info("partitions revoked", metadata: Logger.Metadata([.count: "\(partitions.count)", .outcome: lost ? "lost" : "orderly"]))
                // A little less than the consumer waits, so that the commit still falls within.
                state.revokeDeadline = lost ? .now : .now + configuration.revokeLimit * 0.8
            }
        }
        state.generation = batch.generation
        let now = ContinuousClock.now
        // The consumer works. What messages wait for is found out by one of them; without any nothing is waited for.
        let isIdle = batch.messages.isEmpty && state.lanes.inHand == state.delayed.count && state.pausedUntil.map { now >= $0 } ?? true
        if state.isConsumersFault || isIdle { resume(&state) }
        for message in batch.messages {
            state.lanes.expect(message)
            let wait = delay(of: message)
            if wait > .zero { state.delayed.insert(message, due: now + wait) } else { state.lanes.enqueue(message) }
        }
    }

    /// How long a message of a retry topic is to wait yet. A clock that jumped makes it no longer than a pause can be.
    private func delay(of message: KafkaMessage) -> Duration {
        guard let dueMs = Delivery(consumed: message, retryTopics: retryTopics).dueMs else { return .zero }
        return min(.milliseconds(dueMs - WallClock.nowMs()), WorkerConfiguration.longestRetryDelay)
    }

    private func note(_ error: KafkaError, _ state: inout State) throws {
        if error.code == .closed || error.code == .cancelled {
            if control.isDraining { return }
            throw CancellationError()
        }
        let failure = Failure(error)
        if failure.disposition == .fatal { throw WorkerError(.fatal, operation: "consume", message: error.message, underlying: error) }
        pause(failure, isConsumersFault: true, &state)
    }

    private func note(_ message: KafkaMessage, _ result: MessageRunner<Handler>.Result, _ state: inout State) throws {
        switch result {
        case .finished:
            state.lanes.finish(message, isDone: true)
            resume(&state)
        case .outage(let failure):
            state.lanes.finish(message, isDone: false)
            pause(failure, isConsumersFault: false, &state)
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
        state.isConsumersFault = false
        control.resumed()
    }

    private func pause(_ failure: Failure, isConsumersFault: Bool, _ state: inout State) {
        state.isConsumersFault = isConsumersFault
        control.paused(failure)
        // Those that were under way when the first one failed say the same and do not make the pause longer.
        if let until = state.pausedUntil, ContinuousClock.now < until { return }
        state.pausedUntil = .now + configuration.outageDelay(state.outages)
        state.outages += 1
        logger.warning(
            "paused: a dependency is away",
            metadata: Logger.Metadata([.errorClass: "\(failure.label)", .error: "\(failure.message)", .attempt: "\(state.outages)"]))
    }

    /// Commits what is finished and lets the partitions go; what is not finished is cancelled and comes again, elsewhere.
    private func giveBack(_ state: inout State) async {
        watchdog.cancelAll()
        await settle(&state)
        offsets.forget()
        state.lanes = MessageLanes(ordersByKey: configuration.ordersByKey)
        state.delayed = DelayedMessages()
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
        while let message = state.delayed.takeDue(at: now) { state.lanes.enqueue(message) }
        while mayStart, state.lanes.running < limit, state.calls < configuration.concurrency, let message = state.lanes.start() {
            state.calls += 1
            let (runner, consumer, epoch, generation) = (runner, consumer, state.epoch, state.generation)
            let delivery = Delivery(consumed: message, retryTopics: retryTopics, redriveTopic: redriveTopic)
            group.addTask {
                .finished(message, epoch: epoch, await runner.run(delivery) { consumer.generation != generation })
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
        let mayHold = !isRevoking && state.revokeDeadline == nil
        if mayHold { holdRetries(&state, &group) }
        fetch(&state, isRevoking: isRevoking, &group)
        if !state.isTicking {
            state.isTicking = true
            let next = min(Self.tick, state.delayed.nextDue.map { max(.milliseconds(1), $0 - now) } ?? Self.tick)
            group.addTask {
                try? await Task.sleep(for: next)
                return .tick
            }
        }
    }
    /// Asks for messages, if there is room for more.
    private func fetch(_ state: inout State, isRevoking: Bool, _ group: inout ThrowingTaskGroup<Report, any Error>) {
        let working = state.lanes.inHand - state.delayed.count
        let room = configuration.maxMessages - working
        let roomBytes = configuration.maxBytes - (state.lanes.bytes - state.delayed.bytes)
        let mayFetch = !state.isSwitching && (working == 0 || (room > 0 && roomBytes > 0 && state.outages == 0))
        guard !state.isFetching, !control.isDraining, isRevoking || mayFetch else { return }
        state.isFetching = true
        let consumer = consumer
        group.addTask {
            do throws(KafkaError) {
                return .fetched(.success(try await consumer.next(max: max(1, room), maxBytes: max(1, roomBytes), wait: Self.tick)))
            } catch {
                return .fetched(.failure(error))
            }
        }
    }

    /// Stops fetching from the retry topics when enough of their messages wait in memory, and goes on when half of them have gone; the other topics
    /// are not touched.
    private func holdRetries(_ state: inout State, _ group: inout ThrowingTaskGroup<Report, any Error>) {
        let isFull = state.delayed.count >= configuration.maxDelayed || state.delayed.bytes >= configuration.maxBytes
        let isLow = state.delayed.count <= configuration.maxDelayed / 2 && state.delayed.bytes <= configuration.maxBytes / 2
        guard !state.isSwitching, state.holdsRetries ? isLow : isFull else { return }
        let holds = !state.holdsRetries
        let partitions = consumer.assignment.filter { retryTopics.contains($0.topic) }
        state.isSwitching = true
        let consumer = consumer
        group.addTask {
            do throws(KafkaError) {
                if holds { try await consumer.pause(Array(partitions)) } else { try await consumer.resume(Array(partitions)) }
                return .held(holds, isDone: true)
            } catch {
                // The partitions are going, or it is tried again at the next look.
                return .held(holds, isDone: false)
            }
        }
    }
}
