import Synchronization

/// Whether the brokers answer, readable by any thread at the cost of one atomic load.
final class Reachability: Sendable {
    /// How many tasks may wait for the brokers' return.
    static let maxWaiters = 100_000

    private struct Waiters {
        var nextID = 0
        var continuations: [Int: CheckedContinuation<Bool, Never>] = [:]
    }

    private let flag: Atomic<Bool>
    private let waiters: Mutex<Waiters>
    private let onChange: (@Sendable (Bool) -> Void)?

    init(onChange: (@Sendable (Bool) -> Void)?) {
        flag = Atomic(true)
        waiters = Mutex(Waiters())
        self.onChange = onChange
    }

    var isReachable: Bool { flag.load(ordering: .acquiring) }

    /// Sets the state; returns whether that was a change.
    @discardableResult
    func set(_ reachable: Bool) -> Bool {
        if flag.load(ordering: .relaxed) == reachable { return false }
        guard flag.exchange(reachable, ordering: .acquiringAndReleasing) != reachable else { return false }
        onChange?(reachable)
        if reachable { resumeAll(with: true) }
        return true
    }

    /// Waits until reachable, at most `limit`; returns whether it is.
    func wait(limit: Duration) async -> Bool {
        if isReachable { return true }
        let id = waiters.withLock { waiters in
            waiters.nextID += 1
            return waiters.nextID
        }
        let timer = Task { [self] in
            try? await Task.sleep(for: limit)
            finish(id)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let added = waiters.withLock { waiters in
                    guard waiters.continuations.count < Self.maxWaiters else { return false }
                    waiters.continuations[id] = continuation
                    return true
                }
                // The state may have changed, or the time run out, before the continuation was there.
                if !added { continuation.resume(returning: isReachable) } else if isReachable || Task.isCancelled || limit <= .zero { finish(id) }
            }
        } onCancel: {
            finish(id)
        }
    }

    /// Lets everybody go, as nothing more will change.
    func shutdown() {
        resumeAll(with: false)
    }

    private func finish(_ id: Int) {
        let continuation = waiters.withLock { $0.continuations.removeValue(forKey: id) }
        continuation?.resume(returning: isReachable)
    }

    private func resumeAll(with value: Bool) {
        let all = waiters.withLock { waiters in
            defer { waiters.continuations = [:] }
            return waiters.continuations
        }
        for continuation in all.values { continuation.resume(returning: value) }
    }
}
