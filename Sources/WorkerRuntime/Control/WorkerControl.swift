import Synchronization

/// What a worker is doing, and whether it should stop; read by health and metrics, waited on by the loops.
final class WorkerControl: Sendable {
    /// How often a pause looks whether it should end.
    static let slice = Duration.milliseconds(50)

    private struct State {
        var phase = WorkerStatus.Phase.starting
        var pause: WorkerStatus.Pause?
        var isDraining = false
        var mustAbandon = false
    }

    private let state = Mutex(State())

    /// What the worker is doing now.
    var status: WorkerStatus {
        state.withLock { WorkerStatus(phase: $0.isDraining ? .draining : $0.pause != nil ? .paused : $0.phase, pause: $0.pause) }
    }

    /// Whether a shutdown was asked for: take nothing more, finish what is in hand.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Whether even what is in hand must be handed back: after the shutdown's limit, or when it waits for something that is away.
    var mustAbandon: Bool { Task.isCancelled || state.withLock { $0.mustAbandon } }

    /// The worker has partitions, so Kafka at least is there.
    func started() {
        state.withLock { state in
            state.phase = .running
            state.pause = nil
        }
    }

    /// Something that the worker needs is away.
    func paused(_ failure: Failure) {
        state.withLock { state in
            let since = state.pause?.sinceMs ?? WallClock.nowMs()
            state.pause = WorkerStatus.Pause(failure: failure, sinceMs: since)
        }
    }

    /// It is back.
    func resumed() {
        state.withLock { $0.pause = nil }
    }

    /// Take nothing more.
    func drain() {
        state.withLock { $0.isDraining = true }
    }

    /// Hand back what is in hand.
    func abandon() {
        state.withLock { $0.mustAbandon = true }
    }

    /// Waits before something is tried again; false when there is no use in trying, as the worker drains or the work is stale.
    func wait(_ duration: Duration, _ isStale: @Sendable () -> Bool) async -> Bool {
        let end = ContinuousClock.now + duration
        while true {
            if isDraining || mustAbandon || isStale() { return false }
            let now = ContinuousClock.now
            if now >= end { return true }
            try? await Task.sleep(for: min(Self.slice, now.duration(to: end)))
        }
    }
}
