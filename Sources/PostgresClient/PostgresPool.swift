import CLinux
import Glibc
import Synchronization

/// Where callers, the connections' threads and the watch thread of one client meet. Callers are resumed outside the lock.
final class PostgresPool: Sendable {
    /// The life of a client.
    enum Phase {
        case idle
        case running
        /// No new jobs; those that run may finish.
        case stopping
        case stopped
    }

    /// Everything that the lock guards.
    struct State {
        var phase = Phase.idle
        /// Jobs that wait for a connection, oldest first.
        var queue: [PostgresJob] = []
        /// Threads with a connection and nothing to do; the last used is the first taken, its caches are warm.
        var idle: [Int] = []
        /// The job that a thread was woken for.
        var assigned: [PostgresJob?]
        /// Live connections, idle or busy.
        var connected = 0
        /// Why nothing can be reached; set when an attempt fails and no connection is left.
        var outage: PostgresError?
        var runningThreads = 0
        var endWaiters: [UnsafeContinuation<Void, Never>] = []
    }

    /// Held for a few instructions at a time; never while a caller is resumed.
    let state: Mutex<State>
    /// The client's limits.
    let configuration: PostgresConfiguration
    /// One event descriptor per connection thread, then the watch thread's; -1 where the system had none left.
    private let wakeDescriptors: [Int32]

    /// A pool without threads yet.
    init(configuration: PostgresConfiguration) {
        self.configuration = configuration
        state = Mutex(State(assigned: Array(repeating: nil, count: configuration.poolSize)))
        wakeDescriptors = (0...configuration.poolSize).map { _ in clinux_eventfd() }
    }

    deinit {
        for descriptor in wakeDescriptors where descriptor >= 0 { close(descriptor) }
    }

    /// Whether the system gave all the descriptors.
    var isUsable: Bool { wakeDescriptors.allSatisfy { $0 >= 0 } }
    /// The watch thread's place among the descriptors.
    var watchIndex: Int { configuration.poolSize }
    /// The descriptor that becomes readable when the thread is wanted.
    func wakeFD(_ index: Int) -> Int32 { wakeDescriptors[index] }

    private enum Submission {
        case handedTo(Int)
        case queued(isFirst: Bool)
        case refused(PostgresError)
    }

    /// Hands the job to an idle connection, queues it, or fails it.
    func submit(_ job: PostgresJob) {
        let submission = state.withLock { state -> Submission in
            if job.ticket.isCancelled.load(ordering: .relaxed) { return .refused(Self.refusal(.cancelled, "the task was cancelled")) }
            switch state.phase {
            case .running: break
            case .idle: return .refused(Self.refusal(.stopped, "the client was not started"))
            case .stopping, .stopped: return .refused(Self.refusal(.stopped, "the client was shut down"))
            }
            if let index = state.idle.popLast() {
                state.assigned[index] = job
                return .handedTo(index)
            }
            if let outage = state.outage { return .refused(Self.refusal(.notConnected, outage.message)) }
            guard state.queue.count < configuration.maxWaiting else {
                return .refused(Self.refusal(.overloaded, "\(configuration.maxWaiting) jobs wait already"))
            }
            state.queue.append(job)
            return .queued(isFirst: state.queue.count == 1)
        }
        switch submission {
        case .handedTo(let index): wake(index)
        case .queued(let isFirst): if isFirst { wake(watchIndex) }
        case .refused(let error): job.fail(error)
        }
    }

    /// Takes a waiting job back; one that runs already goes on.
    func cancel(_ ticket: PostgresTicket) {
        ticket.isCancelled.store(true, ordering: .relaxed)
        let job = state.withLock { state -> PostgresJob? in
            guard let index = state.queue.firstIndex(where: { $0.ticket === ticket }) else { return nil }
            return state.queue.remove(at: index)
        }
        job?.failCancelled()
    }

    /// Refuses new jobs, fails the waiting ones, and asks the threads to end after what they run. Returns at once.
    func stop() {
        let waiting = state.withLock { state in
            switch state.phase {
            case .idle: state.phase = .stopped
            case .running: state.phase = .stopping
            case .stopping, .stopped: break
            }
            defer { state.queue = [] }
            return state.queue
        }
        for job in waiting { job.failStopped() }
        for index in wakeDescriptors.indices { wake(index) }
    }

    /// Returns once every thread has nothing more to do.
    func ended() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let over = state.withLock { state in
                if state.phase == .stopped { return true }
                state.endWaiters.append(continuation)
                return false
            }
            if over { continuation.resume() }
        }
    }

    /// The error of a job that was not begun.
    static func refusal(_ code: PostgresError.Code, _ message: String) -> PostgresError {
        PostgresError(code: code, operation: "wait for a connection", message: message)
    }

    /// Ends the thread's poll.
    func wake(_ index: Int) {
        clinux_eventfd_signal(wakeDescriptors[index])
    }

    /// Resets a wake-up counter, so that poll can sleep again.
    static func acknowledge(_ descriptor: Int32) {
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
