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
        var worst: (any Error)?
        for letter in claim.letters {
            do {
                try await notifier.deliver(letter)
            } catch {
                // A telephone that cannot be reached keeps nobody from their mail; what was not sent comes again with the message.
                if worst == nil || Failure(error).disposition == .outage || Failure(error).disposition == .fatal { worst = error }
            }
        }
        if let worst { throw worst }
        return claim.letters.isEmpty && claim.ended.isEmpty ? .skip : .done()
    }

    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        // One that cannot be read has no rows.
        try await store.giveUp(
            messages.compactMap { given in
                (try? Notice(given.message)).flatMap { $0 }.map { (notice: $0, reason: given.failure.label) }
            })
    }
}
