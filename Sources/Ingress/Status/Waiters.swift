import Domain
import ServiceLifecycle
import Synchronization

/// Those who wait for a booking or an operation to change: long-polls and streams.
///
/// A waiter subscribes before it reads, so a change between the two wakes it. Deadlines are kept by one ticking task, not by a timer each.
final class Waiters: Service, Sendable {
    /// Waiters that one process keeps (SPEC, section 5); beyond it an answer comes at once.
    static let limit = 60_000
    /// Precision of a wait's end.
    static let tick: Duration = .milliseconds(100)

    private struct State {
        var byResource: [UUIDBits: [Subscription]] = [:]
        var byDeadline: [Int: [Subscription]] = [:]
        var count = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now

    /// One who waits. End it when done, else it stays known.
    final class Subscription: Sendable {
        fileprivate struct Inner {
            var isSignalled = false
            var continuation: UnsafeContinuation<Bool, Never>?
        }

        let resource: UUIDBits
        fileprivate let inner = Mutex(Inner())

        fileprivate init(resource: UUIDBits) {
            self.resource = resource
        }

        /// Takes a change that came meanwhile, so that the next wait is for a new one.
        func reset() { inner.withLock { $0.isSignalled = false } }

        fileprivate func wake(changed: Bool) {
            let continuation = inner.withLock { inner in
                if changed { inner.isSignalled = true }
                defer { inner.continuation = nil }
                return inner.continuation
            }
            continuation?.resume(returning: changed)
        }
    }

    /// How many wait.
    var count: Int { state.withLock { $0.count } }

    /// Whether the process is going down, so that streams end.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Whether anybody watches a resource.
    func isWatched(_ resource: UUIDBits) -> Bool { state.withLock { $0.byResource[resource] != nil } }

    /// Begins to watch a resource; `nil` when there are too many watchers.
    func subscribe(_ resource: UUIDBits) -> Subscription? {
        let subscription = Subscription(resource: resource)
        return state.withLock { state in
            if state.count >= Self.limit || state.isStopping { return nil }
            state.count += 1
            state.byResource[resource, default: []].append(subscription)
            return subscription
        }
    }

    func end(_ subscription: Subscription) {
        state.withLock { state in
            guard var list = state.byResource[subscription.resource], let index = list.firstIndex(where: { $0 === subscription }) else { return }
            list.remove(at: index)
            state.byResource[subscription.resource] = list.isEmpty ? nil : list
            state.count -= 1
        }
    }

    /// Waits until the resource changes or the deadline passes.
    /// - Returns: whether it changed.
    func wait(_ subscription: Subscription, until deadline: ContinuousClock.Instant) async -> Bool {
        let slot = self.slot(of: deadline) + 1
        return await withUnsafeContinuation { continuation in
            // The state's lock first, as everywhere: a stop or a tick cannot come between the two.
            let early: Bool? = state.withLock { state in
                if state.isStopping { return false }
                let isSignalled = subscription.inner.withLock { inner in
                    if !inner.isSignalled { inner.continuation = continuation }
                    return inner.isSignalled
                }
                if isSignalled { return true }
                state.byDeadline[slot, default: []].append(subscription)
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }
    }

    /// Wakes whoever watches one of the resources.
    func wake(_ resources: some Sequence<UUIDBits>) {
        let woken = state.withLock { state in
            state.byResource.isEmpty ? [] : resources.flatMap { state.byResource[$0] ?? [] }
        }
        for subscription in woken { subscription.wake(changed: true) }
    }

    /// Ends waits at their deadlines, until the group stops; then all at once, so that connections can be closed.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last = self.slot(of: .now)
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.tick)
                let now = self.slot(of: .now)
                let ended = self.state.withLock { state in
                    (last...max(last, now)).flatMap { state.byDeadline.removeValue(forKey: $0) ?? [] }
                }
                last = now
                for subscription in ended { subscription.wake(changed: false) }
            }
        }
        let all = state.withLock { state in
            state.isStopping = true
            defer { state.byDeadline = [:] }
            return state.byDeadline.values.flatMap { $0 }
        }
        for subscription in all { subscription.wake(changed: false) }
    }

    private func slot(of moment: ContinuousClock.Instant) -> Int {
        Int((moment - start) / Self.tick)
    }
}
