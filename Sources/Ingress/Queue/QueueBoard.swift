import Domain
import KafkaClient
import Logging
import ServiceLifecycle
import Synchronization

/// Tells those who wait in a line that their place has changed.
///
/// A person's own transitions (admitted, sold out …) come from `queue.events`, with the whole state, so nobody asks Redis for them. Places move with each
/// one who is let in; they are read for all who may have moved far enough together, once a second and event at most, and not at all while nobody leaves
/// the line.
final class QueueBoard: Service, Sendable {
    /// How often places are looked at.
    static let period: Duration = .seconds(1)

    private let lines = Mutex<[EventID: WatchedLine]>([:])
    private let waiters: Waiters
    private let read: @Sendable (EventID, [UserID]) async throws -> [QueueEntry?]
    private let logger: Logger

    /// - Parameter read: the places of some users in a line, in their order.
    init(waiters: Waiters, logger: Logger, read: @escaping @Sendable (EventID, [UserID]) async throws -> [QueueEntry?]) {
        self.waiters = waiters
        self.read = read
        self.logger = logger
    }

    /// The place for which somebody was just woken; nil when Redis is to be asked.
    func fresh(_ user: UserID, of event: EventID) -> QueueEntry? { lines.withLock { $0[event]?.fresh[user] } }

    /// Notes the place of somebody who waits, so that the next change wakes them.
    /// - Parameter known: the version that they have.
    func watch(_ entry: QueueEntry, known: Int64) {
        if entry.status.isFinal { return }
        // In place: a copy of the line would copy all who watch it.
        lines.withLock { $0[entry.event, default: WatchedLine()].watch(entry, known: known) }
    }

    /// Takes what `queue.events` tells.
    func take(_ messages: [KafkaMessage]) { take(messages.compactMap { $0.value.flatMap { try? QueueEvent(json: $0) } }) }

    func take(_ events: [QueueEvent]) {
        lines.withLock { lines in
            // Of a line that nobody here watches nothing is kept.
            for event in events where lines[event.event] != nil { lines[event.event]?.take(event) }
        }
        // Also those who are just about to be noted.
        waiters.wake(
            events.lazy.compactMap { event in
                if case .place(let place) = event, place.status != .waiting { place.id.bits } else { nil }
            })
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.period)
                await self.look()
            }
        }
    }

    /// Reads the places that may have moved, and wakes those whose place has.
    func look(at now: ContinuousClock.Instant = .now) async {
        prune()
        let due = lines.withLock { lines in lines.keys.map { event in (event, lines[event]?.due(now) ?? []) } }
        for (event, users) in due where !users.isEmpty {
            do {
                let entries = try await read(event, users)
                waiters.wake(lines.withLock { $0[event]?.show(entries.compactMap { $0 }) ?? [] })
            } catch {
                logger.debug("the places of a line cannot be read", metadata: ["event.id": "\(event)", "error": "\(error)"])
            }
        }
    }

    /// Forgets whom nobody waits for any more.
    private func prune() {
        let all = lines.withLock { lines in lines.values.flatMap { line in line.watched.values.map(\.entry) } }
        let gone = all.filter { !waiters.isWatched($0.id.bits) }
        lines.withLock { lines in
            for entry in gone { lines[entry.event]?.forget(entry) }
            for event in Array(lines.keys) {
                lines[event]?.fresh = [:]
                if lines[event]?.watched.isEmpty == true { lines[event] = nil }
            }
        }
    }
}
