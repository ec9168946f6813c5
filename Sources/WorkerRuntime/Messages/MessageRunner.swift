import Domain
import KafkaClient
import Logging
import Telemetry

/// Brings one delivery to its end: its effects are there and what follows is sent, or it waits on a retry topic, or it is in the DLQ.
struct MessageRunner<Handler: MessageHandler>: Sendable {
    /// How it ended.
    enum Result: Sendable {
        /// Done, skipped, handed to a retry topic, or in the DLQ: its offset may be committed.
        case finished
        /// Something is away: to be started again later.
        case outage(Failure)
        /// Not finished, as the worker stops or the partition went away.
        case abandoned
        /// The worker must stop.
        case fatal(Failure)
    }

    let handler: Handler
    let configuration: WorkerConfiguration
    let control: WorkerControl
    let metrics: WorkerMetrics
    let window: FailureWindow
    let logger: Logger
    let handover: Handover
    /// Empty for a group that tries again in place.
    let retries: RetryTopics
    let inbox: Inbox?
    let watchdog: Watchdog

    /// Handles a delivery. `isStale` says whether its partition went away.
    func run(_ delivery: Delivery, isStale: @escaping @Sendable () -> Bool) async -> Result {
        await TraceContext.$current.withValue(delivery.trace) { await attempts(delivery, isStale) }
    }

    private func attempts(_ first: Delivery, _ isStale: @escaping @Sendable () -> Bool) async -> Result {
        var delivery = first
        while true {
            let outcome: MessageOutcome
            switch await attemptOnce(delivery) {
            case .success(let word): outcome = word
            case .failure(let failure):
                // Whatever a call says that was cancelled because its time or its partition is over, the message comes again.
                if control.mustAbandon || isStale() { return .abandoned }
                guard let word = MessageOutcome(failure) else {
                    logger.error("handler cannot go on", metadata: metadata(delivery, failure))
                    return .fatal(failure)
                }
                outcome = word
            }
            switch outcome {
            case .done(let derived):
                window.note(delivery.id, failed: false)
                return await send(derived, of: delivery, isStale)
            case .skip:
                metrics.count(.skip)
                window.note(delivery.id, failed: false)
                return .finished
            case .outage(let failure):
                return .outage(failure)
            case .deadLetter(let failure):
                return await giveUp(delivery, failure, isStale)
            case .retry(let pause, let failure):
                let asked = pause.map { min(max($0, .zero), WorkerConfiguration.longestRetryDelay) }
                guard retries.isEmpty, let delay = configuration.delay(beforeAttempt: delivery.attempt + 1) else {
                    return await handOn(delivery, failure, asked, isStale)
                }
                noteRetry(delivery, failure)
                guard await control.wait(asked ?? delay, isStale) else { return .abandoned }
                delivery = Delivery(
                    delivery.message, attempt: delivery.attempt + 1, firstFailure: delivery.firstFailure ?? Timestamp(ms: WallClock.nowMs()))
            }
        }
    }

    /// One call of the handler, if the inbox does not know the message already.
    private func attemptOnce(_ delivery: Delivery) async -> Swift.Result<MessageOutcome, Failure> {
        let started = ContinuousClock.now
        defer { metrics.handled(ContinuousClock.now - started) }
        do {
            if let derived = try await inbox?.derived(of: delivery.id) { return .success(.done(derived)) }
            let handler = handler
            return .success(
                try await watchdog.watch("\(delivery.message.topicPartition)@\(delivery.message.offset)") { try await handler.handle(delivery) })
        } catch {
            return .failure(Failure(error))
        }
    }

    /// Sends what follows from a message that is dealt with.
    private func send(_ derived: [OutgoingMessage], of delivery: Delivery, _ isStale: @Sendable () -> Bool) async -> Result {
        switch await handover.send(derived, isStale) {
        case .done: metrics.count(.done)
        case .refused(let failure):
            // Its effects are there, so the handler is not told to undo them; sent anew by a person, the message finds them in the inbox.
            return await giveUp(delivery, failure, tellsHandler: false, isStale)
        case .abandoned: return .abandoned
        case .fatal(let failure): return .fatal(failure)
        }
        return .finished
    }

    /// Hands a failed message to the next retry topic, or after the last attempt to the DLQ.
    private func handOn(_ delivery: Delivery, _ failure: Failure, _ asked: Duration?, _ isStale: @Sendable () -> Bool) async -> Result {
        let now = WallClock.nowMs()
        if !failure.isIsolated {
            let failed = ContinuousClock.now
            window.note(delivery.id, failed: true)
            // When most fail, it is what they depend on that fails. Those that fail now are counted before the first of them is written.
            if !window.isOutage {
                guard await control.wait(configuration.verdictDelay, isStale) else { return .abandoned }
            }
            if window.wasOutage(since: failed) { return .outage(failure) }
        }
        noteRetry(delivery, failure)
        guard let topic = retries.topic(afterAttempt: delivery.attempt) else { return await giveUp(delivery, failure, isStale) }
        let delay = asked ?? configuration.delay(beforeAttempt: delivery.attempt + 1) ?? configuration.retryDelays.last ?? .zero
        let dueMs = now + delay.components.seconds * 1000 + delay.components.attoseconds / 1_000_000_000_000_000
        switch await handover.postpone(letter(delivery, failure), to: topic, dueMs: dueMs, isStale) {
        case .done: return .finished
        case .abandoned: return .abandoned
        case .refused(let failure), .fatal(let failure): return .fatal(failure)
        }
    }

    private func giveUp(
        _ delivery: Delivery, _ failure: Failure, tellsHandler: Bool = true, _ isStale: @Sendable () -> Bool
    ) async -> Result {
        // Its partition has gone: whoever has it now decides.
        if isStale() { return .abandoned }
        switch await handover.bury([letter(delivery, failure)], tellsHandler: tellsHandler, isStale) {
        case .done: break
        case .abandoned: return .abandoned
        case .refused(let failure), .fatal(let failure): return .fatal(failure)
        }
        metrics.count(.deadLetter)
        return .finished
    }

    private func letter(_ delivery: Delivery, _ failure: Failure) -> DeadLetter {
        let now = WallClock.nowMs()
        return DeadLetter(
            message: delivery.message, failure: failure, attempts: delivery.attempt, firstFailureMs: delivery.firstFailure?.ms ?? now,
            lastFailureMs: now)
    }

    private func noteRetry(_ delivery: Delivery, _ failure: Failure) {
        metrics.count(.retry)
        logger.warning("message failed", metadata: metadata(delivery, failure))
    }

    private func metadata(_ delivery: Delivery, _ failure: Failure) -> Logger.Metadata {
        Logger.Metadata([
            .kafkaTopic: "\(delivery.message.topic)", .kafkaPartition: "\(delivery.message.partition)",
            .kafkaOffset: "\(delivery.message.offset)", .attempt: "\(delivery.attempt)", .errorClass: "\(failure.label)",
            .error: "\(failure.message)",
        ])
    }
}

/// The ladder of a group's retry topics.
struct RetryTopics: Sendable {
    /// In the order of the attempts.
    let names: [String]

    var isEmpty: Bool { names.isEmpty }

    /// Where a message goes whose n-th attempt failed; nil when that was the last.
    func topic(afterAttempt attempt: Int) -> String? {
        names.indices.contains(attempt - 1) ? names[attempt - 1] : nil
    }
}
