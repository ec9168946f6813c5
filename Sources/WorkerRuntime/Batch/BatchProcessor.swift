import Domain
import KafkaClient
import Logging
import Telemetry

/// Brings one batch to its end: each message applied, skipped, or in the DLQ.
///
/// It knows neither the consumer nor the producer, so that all its decisions can be tested without Kafka.
struct BatchProcessor<Handler: BatchHandler>: Sendable {
    /// Why a batch was not brought to its end.
    enum Stop: Error {
        /// The partitions went away or the worker stops: nothing is committed, the messages come again.
        case abandoned
        /// The worker must stop.
        case fatal(Failure)
    }

    /// Ends an attempt at a part of a batch.
    private enum Interruption: Error {
        case outage(Failure)
        case stop(Stop)
    }

    /// What an attempt at a batch has left over.
    private struct Outcome {
        /// Refused by the handler, which knows.
        var refused: [DeadLetter] = []
        /// Found to blame for a failure.
        var failed: [DeadLetter] = []
    }

    typealias Item = BatchItem<Handler.Item>

    let handler: Handler
    let configuration: WorkerConfiguration
    let control: WorkerControl
    let metrics: WorkerMetrics
    let logger: Logger
    let handover: Handover
    let watchdog: Watchdog

    /// Handles a batch; returns when its offsets may be committed. `isStale` says whether its partitions went away.
    func process(_ messages: [KafkaMessage], isStale: @escaping @Sendable () -> Bool) async throws(Stop) {
        var items: [Item] = []
        var undecodable: [DeadLetter] = []
        items.reserveCapacity(messages.count)
        let started = WallClock.nowMs()
        for message in messages {
            do {
                if let value = try handler.decode(message) {
                    items.append(BatchItem(value: value, message: message))
                } else {
                    metrics.count(.skip)
                }
            } catch {
                let failure = Failure(error)
                undecodable.append(
                    DeadLetter(message: message, failure: failure.with(.deadLetter), attempts: 1, firstFailureMs: started, lastFailureMs: started))
            }
        }
        let dead = undecodable + (try await settleAll(items, isStale))
        if !dead.isEmpty {
            switch await handover.bury(dead, isStale) {
            case .done: break
            case .abandoned: throw .abandoned
            case .refused(let failure), .fatal(let failure): throw .fatal(failure)
            }
        }
        control.resumed()
        metrics.count(.done, items.count + undecodable.count - dead.count)
        metrics.count(.deadLetter, dead.count)
    }

    /// Applies a batch, however long what it needs is away.
    /// - Returns: what can never succeed.
    private func settleAll(_ items: [Item], _ isStale: @escaping @Sendable () -> Bool) async throws(Stop) -> [DeadLetter] {
        if items.isEmpty { return [] }
        var outages = 0
        while true {
            do {
                var outcome = Outcome()
                try await settle(items[...], of: items.count, attemptsBefore: 0, firstFailureMs: nil, isStale, &outcome)
                return outcome.refused + outcome.failed
            } catch let interruption as Interruption {
                switch interruption {
                case .stop(let stop): throw stop
                case .outage(let failure):
                    let delay = configuration.outageDelay(outages)
                    outages += 1
                    control.paused(failure)
                    logger.warning(
                        "paused: a dependency is away",
                        metadata: Logger.Metadata([.errorClass: "\(failure.label)", .error: "\(failure.message)", .attempt: "\(outages)"]))
                    guard await control.wait(delay, isStale) else { throw .abandoned }
                }
            } catch {
                throw .fatal(Failure(error))
            }
        }
    }

    /// Applies a part of a batch; what can never succeed ends in `outcome`, everything else is applied.
    ///
    /// The whole batch has the configured attempts. Once they are used up it is divided, and each part has one: the many that are well pass in a few
    /// steps, and the one to blame is found after about log2(n) of them.
    private func settle(
        _ items: ArraySlice<Item>, of total: Int, attemptsBefore: Int, firstFailureMs: Int64?, _ isStale: @escaping @Sendable () -> Bool,
        _ outcome: inout Outcome
    ) async throws {
        var attempts = attemptsBefore
        var firstFailureMs = firstFailureMs
        while true {
            if isStale() || control.mustAbandon { throw Interruption.stop(.abandoned) }
            let failure: Failure
            do {
                let started = ContinuousClock.now
                defer { metrics.handled(ContinuousClock.now - started) }
                let (handler, batch) = (handler, Array(items))
                let refusals = try await watchdog.watch("a batch of \(batch.count)") { try await handler.apply(batch) }
                let now = WallClock.nowMs()
                for refusal in refusals where items.indices.contains(items.startIndex + refusal.index) {
                    let message = items[items.startIndex + refusal.index].message
                    outcome.refused.append(
                        DeadLetter(
                            message: message, failure: refusal.failure, attempts: attempts + 1, firstFailureMs: firstFailureMs ?? now,
                            lastFailureMs: now))
                }
                return
            } catch {
                // Whatever a call says that was cancelled because its time or its partitions are over, the batch comes again.
                if isStale() || control.mustAbandon { throw Interruption.stop(.abandoned) }
                failure = Failure(error)
            }
            attempts += 1
            firstFailureMs = firstFailureMs ?? WallClock.nowMs()
            switch failure.disposition {
            case .outage: throw Interruption.outage(failure)
            case .fatal: throw Interruption.stop(.fatal(failure))
            case .deadLetter: break
            case .retry:
                metrics.count(.retry, items.count)
                logger.warning(
                    "batch failed",
                    metadata: Logger.Metadata([
                        .count: "\(items.count)", .attempt: "\(attempts)", .errorClass: "\(failure.label)", .error: "\(failure.message)",
                    ]))
                if attemptsBefore == 0, let delay = configuration.delay(beforeAttempt: attempts + 1) {
                    guard await control.wait(delay, isStale) else { throw Interruption.stop(.abandoned) }
                    continue
                }
            }
            if items.count == 1, let item = items.first {
                let now = WallClock.nowMs()
                outcome.failed.append(
                    DeadLetter(message: item.message, failure: failure, attempts: attempts, firstFailureMs: firstFailureMs ?? now, lastFailureMs: now)
                )
                // When most fail, what they depend on is to blame, not they; nothing has been written to the DLQ yet.
                if outcome.failed.count >= configuration.minOutageFailures, outcome.failed.count * 2 > total { throw Interruption.outage(failure) }
                return
            }
            let middle = items.startIndex + items.count / 2
            try await settle(items[..<middle], of: total, attemptsBefore: attempts, firstFailureMs: firstFailureMs, isStale, &outcome)
            try await settle(items[middle...], of: total, attemptsBefore: attempts, firstFailureMs: firstFailureMs, isStale, &outcome)
            return
        }
    }
}
