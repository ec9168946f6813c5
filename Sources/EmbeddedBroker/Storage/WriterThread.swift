import Dispatch
import Synchronization
import Threads

/// The thread that writes rounds and makes them durable, so that the event loop never waits for the disk.
final class WriterThread: Sendable {
    private enum Job: Sendable {
        case round(WriteRound, sync: Bool, done: @Sendable (WriteRound.Outcome) -> Void)
        case stop
    }

    /// At most two jobs wait: the pipeline has one round under way, and the stop.
    private let jobs = Mutex<[Job]>([])
    private let available = DispatchSemaphore(value: 0)
    private let thread = Mutex<OwnedThread?>(nil)

    /// Starts the thread.
    func start() throws {
        let started = try OwnedThread(name: "log-writer") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Performs `round` on the thread and calls `done` there.
    func submit(_ round: WriteRound, sync: Bool, done: @escaping @Sendable (WriteRound.Outcome) -> Void) {
        jobs.withLock { $0.append(.round(round, sync: sync, done: done)) }
        available.signal()
    }

    /// Ends the thread after what was submitted, and waits for it.
    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        jobs.withLock { $0.append(.stop) }
        available.signal()
        thread.join()
    }

    private func run() {
        while true {
            available.wait()
            switch jobs.withLock({ $0.removeFirst() }) {
            case .round(let round, let sync, let done): done(round.perform(sync: sync))
            case .stop: return
            }
        }
    }
}
