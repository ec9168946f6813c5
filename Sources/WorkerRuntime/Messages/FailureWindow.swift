import Synchronization

/// Tells failing messages from a failing dependency: when most of the latest messages failed, the messages are not to blame.
final class FailureWindow: Sendable {
    /// How many of the latest messages are looked at.
    static let size = 20
    /// How long a message is among the latest, at least.
    static let horizon = Duration.seconds(30)

    private struct Entry {
        let id: String
        let isFailure: Bool
        let at: ContinuousClock.Instant
    }

    private let minFailures: Int
    private let horizon: Duration
    private let latest = Mutex<[Entry]>([])
    /// When it was last found to be an outage.
    private let lastOutage = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter longestBackoff: the longest pause in an outage, in which one message at a time is tried: all that it takes to see the outage still
    ///   must be within sight.
    init(minFailures: Int, longestBackoff: Duration = .zero) {
        self.minFailures = minFailures
        horizon = max(Self.horizon, longestBackoff * (2 * minFailures))
    }

    /// Notes how an attempt at a message ended; an earlier word about the same message no longer counts.
    func note(_ id: String, failed: Bool) {
        let now = ContinuousClock.now
        latest.withLock { latest in
            if latest.contains(where: \.isFailure) { latest.removeAll { $0.isFailure && $0.id == id } }
            latest.append(Entry(id: id, isFailure: failed, at: now))
            if latest.count > Self.size { latest.removeFirst() }
        }
    }

    /// Whether most of the latest messages failed, and enough of them.
    var isOutage: Bool {
        let now = ContinuousClock.now
        let isOutage = latest.withLock { latest in
            latest.removeAll { now - $0.at > horizon }
            let failures = latest.count { $0.isFailure }
            return failures >= minFailures && failures * 2 > latest.count
        }
        if isOutage { lastOutage.withLock { $0 = now } }
        return isOutage
    }

    /// Whether it was found to be an outage at that moment or later, also when that is over by now.
    func wasOutage(since start: ContinuousClock.Instant) -> Bool {
        isOutage || lastOutage.withLock { $0.map { $0 >= start } ?? false }
    }
}
