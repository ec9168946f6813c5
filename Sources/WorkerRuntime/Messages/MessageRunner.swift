import KafkaClient
import Logging
import Telemetry

/// Brings one message to its end, with its attempts in place.
struct MessageRunner<Handler: MessageHandler>: Sendable {
    /// How it ended.
    enum Result: Sendable {
        /// Done, skipped, or in the DLQ: its offset may be committed.
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
    let burial: Burial

    /// Handles a message. `isStale` says whether its partition went away.
    func run(_ message: KafkaMessage, isStale: @escaping @Sendable () -> Bool) async -> Result {
        let trace = message.headers.text("traceparent").flatMap { TraceContext(header: $0) }?.child() ?? TraceContext()
        return await TraceContext.$current.withValue(trace) { await attempts(message, isStale) }
    }

    private func attempts(_ message: KafkaMessage, _ isStale: @escaping @Sendable () -> Bool) async -> Result {
        var attempt = 1
        var firstFailureMs: Int64?
        while true {
            guard let outcome = await attemptOnce(message, attempt) else {
                return .fatal(Failure(.fatal, label: "handler", message: "the handler cannot go on"))
            }
            switch outcome {
            case .done:
                metrics.count(.done)
                _ = window.note(failed: false)
                return .finished
            case .skip:
                metrics.count(.skip)
                return .finished
            case .outage(let failure):
                return .outage(failure)
            case .deadLetter(let failure):
                return await giveUp(message, failure, attempt, firstFailureMs, isStale)
            case .retry(let pause, let failure):
                firstFailureMs = firstFailureMs ?? WallClock.nowMs()
                metrics.count(.retry)
                logger.warning("message failed", metadata: metadata(message, failure, attempt))
                guard let delay = configuration.delay(beforeAttempt: attempt + 1) else {
                    // When most messages end like this, it is what they depend on that fails: nothing goes to the DLQ.
                    if window.note(failed: true) { return .outage(failure) }
                    return await giveUp(message, failure, attempt, firstFailureMs, isStale)
                }
                guard await control.wait(pause ?? delay, isStale) else { return .abandoned }
                attempt += 1
            }
        }
    }

    private func attemptOnce(_ message: KafkaMessage, _ attempt: Int) async -> MessageOutcome? {
        let started = ContinuousClock.now
        defer { metrics.handled(ContinuousClock.now - started) }
        do {
            return try await handler.handle(message, attempt: attempt)
        } catch {
            let failure = Failure(error)
            if failure.disposition == .fatal { logger.error("handler cannot go on", metadata: metadata(message, failure, attempt)) }
            return MessageOutcome(failure)
        }
    }

    private func giveUp(
        _ message: KafkaMessage, _ failure: Failure, _ attempts: Int, _ firstFailureMs: Int64?, _ isStale: @Sendable () -> Bool
    ) async -> Result {
        let now = WallClock.nowMs()
        let letter = DeadLetter(
            message: message, failure: failure, attempts: attempts, firstFailureMs: firstFailureMs ?? now, lastFailureMs: now)
        switch await burial.perform([letter], isStale) {
        case .done: break
        case .abandoned: return .abandoned
        case .fatal(let failure): return .fatal(failure)
        }
        metrics.count(.deadLetter)
        return .finished
    }

    private func metadata(_ message: KafkaMessage, _ failure: Failure, _ attempt: Int) -> Logger.Metadata {
        Logger.Metadata([
            .kafkaTopic: "\(message.topic)", .kafkaPartition: "\(message.partition)", .kafkaOffset: "\(message.offset)", .attempt: "\(attempt)",
            .errorClass: "\(failure.label)", .error: "\(failure.message)",
        ])
    }
}
