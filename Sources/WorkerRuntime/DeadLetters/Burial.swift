import KafkaClient
import Logging
import Telemetry

/// Gives messages up: writes them to the DLQ, then lets the handler end what they began. Only after both may their offsets be committed.
///
/// In this order, because a letter that is not written would be lost for good, while a handler that is told twice says the same again.
struct Burial: Sendable {
    /// How it ended.
    enum Ending: Sendable {
        /// The letters are in the DLQ and the handler has said its last word.
        case done
        /// The worker stops or the partitions went away: the messages come again.
        case abandoned
        /// The worker must stop.
        case fatal(Failure)
    }

    let configuration: WorkerConfiguration
    let control: WorkerControl
    let logger: Logger
    /// Writes dead letters and returns once they are acknowledged.
    let bury: @Sendable ([DeadLetter]) async throws -> Void
    /// The handler's `gaveUp`.
    let gaveUp: @Sendable ([GivenUpMessage]) async throws -> Void

    /// Returns when the letters' offsets may be committed. What is away is waited for, without end.
    func perform(_ letters: [DeadLetter], _ isStale: @Sendable () -> Bool) async -> Ending {
        let buried = await insist(isStale, maxAttempts: nil) { try await bury(letters) }
        guard case .done = buried else { return buried }
        let messages = letters.map { GivenUpMessage(message: $0.message, failure: $0.failure) }
        return await insist(isStale, maxAttempts: configuration.retryDelays.count + 1) { try await gaveUp(messages) }
    }

    /// Takes a step until it is done. With a limit, a step that fails by itself is left out in the end: the letters are safe, and the partition must go on.
    private func insist(_ isStale: @Sendable () -> Bool, maxAttempts: Int?, _ step: () async throws -> Void) async -> Ending {
        var outages = 0
        var attempts = 0
        while true {
            let failure: Failure
            do {
                try await step()
                if outages > 0 { control.resumed() }
                return .done
            } catch {
                failure = Failure(error)
            }
            attempts += 1
            var delay: Duration?
            if failure.disposition == .fatal { return .fatal(failure) }
            if failure.disposition == .outage || maxAttempts == nil {
                control.paused(failure)
                delay = configuration.outageDelay(outages)
                outages += 1
            } else if let maxAttempts, failure.disposition == .retry, attempts < maxAttempts {
                delay = configuration.delay(beforeAttempt: attempts + 1)
            }
            let metadata = Logger.Metadata([.errorClass: "\(failure.label)", .error: "\(failure.message)", .attempt: "\(attempts)"])
            guard let delay else {
                logger.error("what given up messages began is left without an end", metadata: metadata)
                return .done
            }
            logger.warning("messages cannot be given up yet", metadata: metadata)
            guard await control.wait(delay, isStale) else { return .abandoned }
        }
    }
}
