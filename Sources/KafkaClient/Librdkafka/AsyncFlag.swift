import Synchronization

/// A flag that tasks wait for; once raised it stays so.
final class AsyncFlag: Sendable {
    private struct State {
        var isRaised = false
        var nextID = 0
        var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    }

    private let state = Mutex(State())

    /// Lets everybody go, now and later.
    func raise() {
        let waiting = state.withLock { state in
            state.isRaised = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(returning: true) }
    }

    /// Waits until raised.
    func wait() async {
        _ = await wait(id: nil)
    }

    /// Waits until raised, at most `limit`; returns whether it was.
    func wait(limit: Duration) async -> Bool {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let timer = Task { [self] in
            try? await Task.sleep(for: limit)
            while !Task.isCancelled {
                let continuation = state.withLock { $0.waiting.removeValue(forKey: id) }
                if let continuation {
                    continuation.resume(returning: false)
                    return
                }
                // The waiter below is not registered yet.
                await Task.yield()
            }
        }
        defer { timer.cancel() }
        return await wait(id: id)
    }

    private func wait(id: Int?) async -> Bool {
        await withCheckedContinuation { continuation in
            let isRaised = state.withLock { state in
                if state.isRaised { return true }
                if let id {
                    state.waiting[id] = continuation
                } else {
                    state.nextID += 1
                    state.waiting[state.nextID] = continuation
                }
                return false
            }
            if isRaised { continuation.resume(returning: true) }
        }
    }
}
