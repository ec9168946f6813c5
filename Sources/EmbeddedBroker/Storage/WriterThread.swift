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

    private let name: String
    private let stopFailure = Mutex<BrokerError?>(nil)

    init(name: String) {
        self.name = name
    }

    /// Starts the thread. With a journal, rounds become durable through it.
    func start(journal: CommitJournal? = nil) throws {
        let started = try OwnedThread(name: name) { [self] in run(journal) }
        thread.withLock { $0 = started }
    }

    /// Performs `round` on the thread and calls `done` there.
    func submit(_ round: WriteRound, sync: Bool, done: @escaping @Sendable (WriteRound.Outcome) -> Void) {
        jobs.withLock { $0.append(.round(round, sync: sync, done: done)) }
        available.signal()
    }

    /// Ends the thread after what was submitted, and waits for it. Returns what went wrong at the end, if anything did.
    @discardableResult
    func stop() -> BrokerError? {
        guard let thread = thread.withLock({ $0.take() }) else { return nil }
        jobs.withLock { $0.append(.stop) }
        available.signal()
        thread.join()
        return stopFailure.withLock { $0 }
    }

    private func run(_ journal: CommitJournal?) {
        var journal = journal
        while true {
            available.wait()
            switch jobs.withLock({ $0.removeFirst() }) {
            case .round(let round, let sync, let done): done(sync ? round.performDurably(&journal) : round.perform(sync: false))
            case .stop:
                do throws(BrokerError) { try journal?.close() } catch { stopFailure.withLock { $0 = error } }
                return
            }
        }
    }
}
