import Synchronization

/// Where callers and the I/O thread of one client meet; any thread may call it.
final class CurlMailbox: Sendable {
    /// The life of a client.
    enum Phase {
        case idle
        case running
        /// No new requests; those in flight may finish.
        case stopping
        case stopped
    }

    /// What the I/O thread takes at a time.
    struct Work {
        var submitted: [CurlTransfer] = []
        var cancelled: [CurlTransfer] = []
        var phase = Phase.idle

        var isEmpty: Bool { submitted.isEmpty && cancelled.isEmpty }
    }

    private struct State {
        var work = Work()
        /// Requests waiting or in flight.
        var pending = 0
        /// The I/O thread is in poll and must be woken.
        var isSleeping = false
        var endWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let multi: CurlMulti
    private let maxPending: Int

    init(multi: CurlMulti, maxPending: Int) {
        self.multi = multi
        self.maxPending = maxPending
    }

    /// Requests waiting or in flight.
    var pending: Int { state.withLock { $0.pending } }

    /// Lets requests in; nil after a stop, false when it was done before.
    func open() -> Bool? {
        state.withLock { state in
            switch state.work.phase {
            case .idle:
                state.work.phase = .running
                return true
            case .running: return false
            case .stopping, .stopped: return nil
            }
        }
    }

    /// Queues a request, or resumes its caller with the reason why not.
    func submit(_ transfer: CurlTransfer) {
        var wake = false
        let refusal = state.withLock { state -> (CurlError.Code, String)? in
            switch state.work.phase {
            case .running: break
            case .idle: return (.stopped, "the client was not started")
            case .stopping, .stopped: return (.stopped, "the client was shut down")
            }
            guard state.pending < maxPending else { return (.overloaded, "\(maxPending) requests are pending") }
            state.pending += 1
            state.work.submitted.append(transfer)
            wake = Self.takeSleep(&state)
            return nil
        }
        if let refusal { transfer.fail(refusal.0, refusal.1) }
        if wake { multi.wake() }
    }

    /// Asks the I/O thread to give a request up.
    func cancel(_ transfer: CurlTransfer) {
        let wake = state.withLock { state in
            guard state.work.phase == .running || state.work.phase == .stopping else { return false }
            state.work.cancelled.append(transfer)
            return Self.takeSleep(&state)
        }
        if wake { multi.wake() }
    }

    /// Everything new. With `sleeping`, the caller polls next when there is nothing.
    func take(sleeping: Bool) -> Work {
        state.withLock { state in
            let work = state.work
            if work.isEmpty {
                state.isSleeping = sleeping
            } else {
                state.work.submitted.removeAll(keepingCapacity: true)
                state.work.cancelled.removeAll(keepingCapacity: true)
            }
            return work
        }
    }

    /// The I/O thread came back from poll by itself.
    func awake() {
        state.withLock { $0.isSleeping = false }
    }

    /// So many requests have ended.
    func ended(_ count: Int) {
        state.withLock { $0.pending -= count }
    }

    /// Asks the I/O thread to finish and end. Returns at once.
    func stop() {
        state.withLock { state in
            switch state.work.phase {
            case .idle: state.work.phase = .stopped
            case .running: state.work.phase = .stopping
            case .stopping, .stopped: break
            }
        }
        multi.wake()
    }

    /// The I/O thread takes nothing any more; resumes whoever waits for that, and returns what came too late.
    func finish() -> [CurlTransfer] {
        let (late, waiters) = state.withLock { state in
            state.work.phase = .stopped
            let late = state.work.submitted
            state.work.submitted = []
            state.work.cancelled = []
            state.pending = 0
            let waiters = state.endWaiters
            state.endWaiters = []
            return (late, waiters)
        }
        for waiter in waiters { waiter.resume() }
        return late
    }

    /// Returns once the I/O thread has nothing more to do.
    func finished() async {
        await withCheckedContinuation { continuation in
            let over = state.withLock { state in
                if state.work.phase == .stopped { return true }
                state.endWaiters.append(continuation)
                return false
            }
            if over { continuation.resume() }
        }
    }

    private static func takeSleep(_ state: inout State) -> Bool {
        defer { state.isSleeping = false }
        return state.isSleeping
    }
}
