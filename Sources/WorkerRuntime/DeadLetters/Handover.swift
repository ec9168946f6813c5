import KafkaClient
import Logging
import Telemetry

/// Hands messages on: to the DLQ, to a retry topic, or what follows from them to where it belongs. Only then may their offsets be committed, because what
/// is not written would be lost for good, while what is written twice is recognised.
struct Handover: Sendable {
    /// How it ended.
    enum Ending: Sendable {
        /// Everything is acknowledged.
        case done
        /// What was to be sent can never be.
        case refused(Failure)
        /// The worker stops or the partitions went away: the messages come again.
        case abandoned
        /// The worker must stop.
        case fatal(Failure)
    }

    let configuration: WorkerConfiguration
    let control: WorkerControl
    let logger: Logger
    /// Each writes and returns once that is acknowledged.
    let bury: @Sendable ([DeadLetter]) async throws -> Void
    let postpone: @Sendable (DeadLetter, _ topic: String, _ dueMs: Int64) async throws -> Void
    let send: @Sendable ([OutgoingMessage]) async throws -> Void
    /// The handler's `gaveUp`.
    let gaveUp: @Sendable ([GivenUpMessage]) async throws -> Void

    /// Gives messages up: writes them to the DLQ, then lets the handler end what they began. What is away is waited for, without end.
    func bury(_ letters: [DeadLetter], tellsHandler: Bool = true, _ isStale: @Sendable () -> Bool) async -> Ending {
        let buried = await insist(isStale, maxAttempts: nil) { try await bury(letters) }
        guard tellsHandler, case .done = buried else { return buried }
        let messages = letters.map { GivenUpMessage(message: $0.message, failure: $0.failure) }
        return await insist(isStale, maxAttempts: configuration.retryDelays.count + 1) { try await gaveUp(messages) }
    }

    /// Writes a message to a retry topic.
    func postpone(_ letter: DeadLetter, to topic: String, dueMs: Int64, _ isStale: @Sendable () -> Bool) async -> Ending {
        await insist(isStale, maxAttempts: nil) { try await postpone(letter, topic, dueMs) }
    }

    /// Sends what follows from a message. What is away is waited for; `.refused` when Kafka can never take it.
    func send(_ messages: [OutgoingMessage], _ isStale: @Sendable () -> Bool) async -> Ending {
        if messages.isEmpty { return .done }
        return await insist(isStale, maxAttempts: nil, mayRefuse: true) { try await send(messages) }
    }

    /// Takes a step until it is done. With a limit, a step that fails by itself is left out in the end: the letters are safe, and the partition must go on.
    private func insist(
        _ isStale: @Sendable () -> Bool, maxAttempts: Int?, mayRefuse: Bool = false, _ step: () async throws -> Void
    ) async -> Ending {
        let id = control.pauseID()
        defer { control.resumed(by: id) }
        var outages = 0
        var attempts = 0
        while true {
            let failure: Failure
            do {
                try await step()
                return .done
            } catch {
                failure = Failure(error)
            }
            attempts += 1
            var delay: Duration?
            if failure.disposition == .fatal { return .fatal(failure) }
            if failure.disposition == .deadLetter, mayRefuse { return .refused(failure) }
            if failure.disposition == .outage || maxAttempts == nil {
                control.paused(failure, by: id)
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
            logger.warning("messages cannot be handed on yet", metadata: metadata)
            guard await control.wait(delay, isStale) else { return .abandoned }
        }
    }
}
