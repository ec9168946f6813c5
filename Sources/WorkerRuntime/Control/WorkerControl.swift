import Domain
import Synchronization

/// What a worker is doing, and whether it should stop; read by health and metrics, waited on by the loops.
final class WorkerControl: Sendable {
    /// How often a pause looks whether it should end.
    static let slice = Duration.milliseconds(50)

    /// Who waits. Each has a pause of its own, so that the end of one leaves the others' shown.
    struct PauseID: Hashable, Sendable {
        /// The loop that takes messages.
        static let loop = PauseID(number: 0)

        fileprivate let number: Int
    }

    private struct State {
        var phase = WorkerStatus.Phase.starting
        var pauses: [PauseID: WorkerStatus.Pause] = [:]
        var lastID = 0
        var isDraining = false
        var mustAbandon = false
    }

    private let state = Mutex(State())
    /// Told whether the worker is paused, whenever that may have changed; it must not block.
    private let onPause: @Sendable (Bool) -> Void

    init(onPause: @escaping @Sendable (Bool) -> Void = { _ in }) {
        self.onPause = onPause
    }

    /// What the worker is doing now.
    var status: WorkerStatus {
        state.withLock { state in
            let pause = state.pauses.values.min { $0.sinceMs < $1.sinceMs }
            return WorkerStatus(phase: state.isDraining ? .draining : pause != nil ? .paused : state.phase, pause: pause)
        }
    }

    /// Whether a shutdown was asked for: take nothing more, finish what is in hand.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Whether even what is in hand must be handed back: after the shutdown's limit, or when it waits for something that is away.
    var mustAbandon: Bool { Task.isCancelled || state.withLock { $0.mustAbandon } }

    /// The worker has partitions, so Kafka at least is there.
    func started() {
        state.withLock { $0.phase = .running }
    }

    /// Makes an id for somebody else than the loop.
    func pauseID() -> PauseID {
        state.withLock { state in
            state.lastID += 1
            return PauseID(number: state.lastID)
        }
    }

    /// Something that the worker needs is away.
    func paused(_ failure: Failure, by id: PauseID = .loop) {
        state.withLock { state in
            let since = state.pauses[id]?.sinceMs ?? WallClock.nowMs()
            state.pauses[id] = WorkerStatus.Pause(failure: failure, sinceMs: since)
            onPause(true)
        }
    }

    /// It is back.
    func resumed(by id: PauseID = .loop) {
        state.withLock { state in
            guard state.pauses.removeValue(forKey: id) != nil else { return }
            onPause(!state.pauses.isEmpty)
        }
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
