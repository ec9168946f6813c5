import Domain
import KafkaClient
import Logging
import Telemetry
import WorkerRuntime

/// Tells people what messages on the event topics mean for them.
struct NotificationHandler: MessageHandler {
    let store: NotificationStore
    let notifier: Notifier
    /// Older events are not told any more.
    let maxAge: Duration
    let now: @Sendable () -> Timestamp
    let metrics: NotificationMetrics
    let logger: Logger

    func handle(_ delivery: Delivery) async throws -> MessageOutcome {
        guard let notice = try Notice(delivery.message) else { return .skip }
        let claim = try await store.claim(notice, isStale: notice.isStale(at: now(), maxAge: maxAge))
        for (channel, verdict) in claim.ended { metrics.ended(channel, verdict) }
        var worst: Failure?
        for letter in claim.letters {
            do {
                try await notifier.deliver(letter)
            } catch {
                // A telephone that cannot be reached keeps nobody from their mail; what was not sent comes again with the message.
                let failure = Failure(error)
                if worst.map({ Self.isWorse(failure, than: $0) }) ?? true { worst = failure }
            }
        }
        if let worst { throw worst }
        return claim.letters.isEmpty && claim.ended.isEmpty ? .skip : .done()
    }

    private static func isWorse(_ failure: Failure, than other: Failure) -> Bool {
        switch failure.disposition {
        case .outage, .fatal: true
        // What concerns others too must not hide behind what does not.
        case .retry: other.isIsolated && !failure.isIsolated
        case .deadLetter: false
        }
    }

    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        // One that cannot be read has no rows.
        try await store.giveUp(
            messages.compactMap { given in
                (try? Notice(given.message)).flatMap { $0 }.map { (notice: $0, reason: given.failure.label) }
            })
    }
}
