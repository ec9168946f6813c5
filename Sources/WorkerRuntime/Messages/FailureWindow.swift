import Synchronization

/// Tells failing messages from a failing dependency: when most of the latest messages used up their attempts, the messages are not to blame.
final class FailureWindow: Sendable {
    /// How many of the latest messages are looked at.
    static let size = 20

    private let minFailures: Int
    private let latest = Mutex<[Bool]>([])

    init(minFailures: Int) {
        self.minFailures = minFailures
    }

    /// Notes how a message ended; returns whether this failure is one of most.
    func note(failed: Bool) -> Bool {
        latest.withLock { latest in
            latest.append(failed)
            if latest.count > Self.size { latest.removeFirst() }
            let failures = latest.count { $0 }
            return failed && failures >= minFailures && failures * 2 > latest.count
        }
    }
}
