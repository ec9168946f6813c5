import Domain
import Logging
import ServiceLifecycle
import Telemetry
import WorkerRuntime

/// Reminds people of their shows, a while before. All copies look; each reminder is sent by one.
struct ReminderClock: Service {
    /// How often shows that begin soon are looked for.
    private static let interval: Duration = .seconds(30)

    let reminders: ReminderStore
    let store: NotificationStore
    let notifier: Notifier
    let now: @Sendable () -> Timestamp
    let metrics: NotificationMetrics
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    // A full batch says that there is more.
                    while try await remind() >= ReminderStore.batch, !Task.isCancelled {}
                } catch {
                    logger.warning("reminders were not sent", metadata: Logger.Metadata([.error: "\(error)"]))
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Sends one batch, side by side.
    /// - Returns: how many bookings were due.
    /// - Throws: when the server or the database is away; what was not sent is due again after a while.
    func remind() async throws -> Int {
        try await reminders.endLate(at: now())
        let notices = try await reminders.due(at: now())
        let claims = try await store.claimByClock(notices)
        for (channel, verdict) in claims.flatMap(\.ended) { metrics.ended(channel, verdict) }
        try await deliver(claims.flatMap(\.letters))
        return notices.count
    }

    /// Sends letters side by side; what befalls one keeps none of the others from being sent.
    /// - Throws: when all are over, the first outage.
    private func deliver(_ letters: [Letter]) async throws {
        let error = await withTaskGroup(of: (any Error)?.self) { group in
            for letter in letters {
                group.addTask {
                    do {
                        try await deliver(letter)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            return await group.reduce(nil) { $0 ?? $1 }
        }
        if let error { throw error }
    }

    private func deliver(_ letter: Letter) async throws {
        do {
            try await notifier.deliver(letter)
        } catch {
            let failure = Failure(error)
            logger.warning("a reminder was not sent", metadata: Logger.Metadata([.errorClass: "\(failure.label)", .attempt: "\(letter.attempt)"]))
            switch failure.disposition {
            case .outage, .fatal: throw error
            // Mails are tried again until the show begins; nothing else is looked for again.
            case .retry where letter.channel == .email: return
            case .retry, .deadLetter: try await store.end(letter, .failed(failure.label))
            }
        }
    }
}
