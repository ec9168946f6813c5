import Domain
import Logging
import ServiceLifecycle
import Synchronization

/// Counts the reserves that come for each event and tells Redis once a second, so that a rush can open the waiting room by itself.
///
/// Only events that exist are counted (who asks for another is told so by the script), so the table cannot be blown up from outside.
final class ArrivalCounter: Service, Sendable {
    /// How often the counts are told.
    static let period: Duration = .seconds(1)

    private let counts = Mutex<[EventID: Int]>([:])
    private let tell: @Sendable ([EventID: Int]) async throws -> Void
    private let logger: Logger

    /// - Parameter tell: takes the counts of one period; what it cannot take is lost, since the next period has its own.
    init(logger: Logger, tell: @escaping @Sendable ([EventID: Int]) async throws -> Void) {
        self.tell = tell
        self.logger = logger
    }

    /// One reserve more, whether or not there was a ticket for it.
    func count(_ event: EventID) { counts.withLock { $0[event, default: 0] += 1 } }

    /// What was counted since the last call.
    func take() -> [EventID: Int] {
        counts.withLock { counts in
            defer { counts = [:] }
            return counts
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.period)
                let taken = self.take()
                if taken.isEmpty { continue }
                do {
                    try await self.tell(taken)
                } catch {
                    self.logger.debug("the arrivals of a second are not told", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
