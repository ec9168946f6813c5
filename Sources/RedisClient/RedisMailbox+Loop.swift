import Glibc

/// The I/O thread's side of the mailbox.
extension RedisMailbox {
    /// Whether the thread is to end.
    var isStopping: Bool {
        state.withLock { state in
            switch state.phase {
            case .stopping, .stopped: true
            case .idle, .connectingFirst, .connected, .disconnected: false
            }
        }
    }

    /// Exchanges the queue for `empty`, and notes how many bytes the thread still holds.
    func take(into empty: inout RedisOutgoing, unwritten: Int) {
        state.withLock { state in
            state.isSleeping = false
            state.unwritten = unwritten
            if !state.outgoing.isEmpty { swap(&state.outgoing, &empty) }
            state.unwritten += empty.bytes.count
        }
    }

    /// True when nothing is queued; from then on the next submission wakes the thread.
    func prepareToSleep() -> Bool {
        state.withLock { state in
            state.isSleeping = state.outgoing.isEmpty
            return state.isSleeping
        }
    }

    /// Makes room for as many commands as have got their replies.
    func complete(_ count: Int) {
        guard count > 0 else { return }
        state.withLock { $0.pending -= count }
    }

    /// Lets callers in.
    func connected(runID: String?) {
        state.withLock { state in
            state.serverRunID = runID
            switch state.phase {
            case .idle, .connectingFirst, .disconnected: state.phase = .connected
            case .connected, .stopping, .stopped: break
            }
        }
    }

    /// Refuses commands from now on and fails those that were not taken; they have certainly not run.
    func disconnected(reason: String) {
        var outgoing = RedisOutgoing()
        state.withLock { state in
            switch state.phase {
            case .idle, .connectingFirst, .connected, .disconnected: state.phase = .disconnected(reason: reason)
            case .stopping, .stopped: break
            }
            empty(&state, into: &outgoing)
        }
        let failure = RedisFailure(code: .notConnected, message: reason)
        for submission in outgoing.submissions { submission.waiter.fail(failure) }
    }

    /// The thread's last act.
    func finish() {
        var outgoing = RedisOutgoing()
        let waiters = state.withLock { state in
            state.phase = .stopped
            empty(&state, into: &outgoing)
            defer { state.endWaiters = [] }
            return state.endWaiters
        }
        for submission in outgoing.submissions { submission.waiter.fail(RedisFailure(code: .stopped, message: "the client was shut down")) }
        for waiter in waiters { waiter.resume() }
    }

    /// Resets the wake-up counter, so that poll can sleep again.
    func acknowledgeWake() {
        var count: UInt64 = 0
        _ = read(wakeFD, &count, MemoryLayout<UInt64>.size)
    }

    private func empty(_ state: inout State, into outgoing: inout RedisOutgoing) {
        swap(&state.outgoing, &outgoing)
        for submission in outgoing.submissions { state.pending -= submission.waiter.count }
        state.unwritten = 0
        state.isSleeping = false
    }
}
