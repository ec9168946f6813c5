/// The threads' side of the pool.
extension PostgresPool {
    /// Whether the threads are to end.
    var isStopping: Bool { state.withLock { $0.phase != .running } }

    /// What a connection's thread does next.
    enum Next {
        case run(PostgresJob)
        /// Wait to be woken.
        case wait
        case stop
    }

    /// A thread has connected.
    func connected(_ index: Int) -> Next {
        state.withLock { state in
            state.connected += 1
            state.outage = nil
            return Self.next(&state, index)
        }
    }

    /// A thread has finished a job.
    func release(_ index: Int) -> Next {
        state.withLock { Self.next(&$0, index) }
    }

    /// A thread was woken.
    func woken(_ index: Int) -> Next {
        state.withLock { state in
            if let job = state.assigned[index] {
                state.assigned[index] = nil
                return .run(job)
            }
            return state.phase == .running ? .wait : .stop
        }
    }

    private static func next(_ state: inout State, _ index: Int) -> Next {
        guard state.phase == .running else { return .stop }
        guard state.queue.isEmpty else { return .run(state.queue.removeFirst()) }
        state.idle.append(index)
        return .wait
    }

    /// A connection is gone. A job that was given to it and has not begun goes back to the head of the queue, or to an idle connection.
    func disconnected(_ index: Int, notBegun: PostgresJob? = nil) {
        var wakeIndex: Int?
        let stopped = state.withLock { state -> PostgresJob? in
            state.connected -= 1
            state.idle.removeAll { $0 == index }
            let job = notBegun ?? state.assigned[index]
            state.assigned[index] = nil
            guard let job else { return nil }
            guard state.phase == .running else { return job }
            if let other = state.idle.popLast() {
                state.assigned[other] = job
                wakeIndex = other
            } else {
                state.queue.insert(job, at: 0)
                wakeIndex = watchIndex
            }
            return nil
        }
        stopped?.failStopped()
        if let wakeIndex { wake(wakeIndex) }
    }

    /// An attempt to connect failed; when no connection is left, nobody has to wait.
    func failedToConnect(_ error: PostgresError) {
        let waiting = state.withLock { state -> [PostgresJob] in
            guard state.connected == 0, state.phase == .running else { return [] }
            state.outage = error
            defer { state.queue = [] }
            return state.queue
        }
        for job in waiting { job.fail(Self.refusal(.notConnected, error.message)) }
    }

    /// Fails what has waited too long; returns when the next wait will be over.
    func expire(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        var expired: [PostgresJob] = []
        let next = state.withLock { state in
            let count = state.queue.prefix { $0.deadline <= now }.count
            expired = Array(state.queue.prefix(count))
            state.queue.removeFirst(count)
            return state.queue.first?.deadline
        }
        for job in expired { job.fail(Self.refusal(.timeout, "no connection became free within \(configuration.checkoutTimeout)")) }
        return next
    }

    /// A thread's last act.
    func threadEnded() {
        let waiters = state.withLock { state -> [UnsafeContinuation<Void, Never>] in
            state.runningThreads -= 1
            guard state.runningThreads == 0 else { return [] }
            state.phase = .stopped
            defer { state.endWaiters = [] }
            return state.endWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
