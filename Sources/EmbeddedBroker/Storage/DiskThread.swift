import Dispatch
import Synchronization
import Threads

/// A thread for what may wait for the disk and must not make the event loop wait: cold reads, and checkpoints.
final class DiskThread: Sendable {
    /// Bounded by those who submit: a connection has one read under way, a pipeline one checkpoint. Nil ends the thread.
    private let jobs = Mutex<[(@Sendable () -> Void)?]>([])
    private let available = DispatchSemaphore(value: 0)
    private let thread = Mutex<OwnedThread?>(nil)

    /// Starts the thread.
    init(name: String) throws {
        let started = try OwnedThread(name: name) { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Runs `job` on the thread, after those before it.
    func submit(_ job: @escaping @Sendable () -> Void) {
        jobs.withLock { $0.append(job) }
        available.signal()
    }

    /// Ends the thread after what was submitted, and waits for it.
    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        jobs.withLock { $0.append(nil) }
        available.signal()
        thread.join()
    }

    private func run() {
        while true {
            available.wait()
            guard let job = jobs.withLock({ $0.removeFirst() }) else { return }
            job()
        }
    }
}
