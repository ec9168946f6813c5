import Domain
import Logging
import ServiceLifecycle
import Synchronization
import WorkerRuntime

/// Works at jobs, some at the same time, each under a lease. A job that is cut short, by a crash or a stop, is gone on with by whoever takes it next: what
/// the tools did is on record with them, so nothing is done twice.
struct JobRunner: Service {
    /// The bounds of a runner.
    struct Limits: Sendable {
        /// Jobs at the same time.
        var parallel = 2
        /// How often a job is looked for.
        var interval: Duration = .milliseconds(500)
        /// How often the lease is prolonged and the progress written.
        var heartbeat: Duration = .seconds(1)
        /// How often a job that failed by itself is begun anew before it is given up, and the pause before.
        var maxFailures = 3
        var pause: Duration = .seconds(2)
    }

    /// Takes note of how far a job is: JSON.
    typealias Progress = @Sendable ([UInt8]) -> Void

    let store: JobStore
    /// Does a job and returns its report as JSON. It is cancelled when the process stops or the lease is lost.
    let work: @Sendable (Job, @escaping Progress) async throws -> [UInt8]
    let teller: JobTeller
    var limits = Limits()
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<limits.parallel { group.addTask { await lane() } }
            }
        }
    }

    private func lane() async {
        while !Task.isCancelled {
            do {
                if let job = try await store.take() {
                    try await finish(job)
                    continue
                }
            } catch {
                logger.warning("jobs cannot be worked at just now", metadata: ["error": "\(Failure(error))"])
            }
            try? await Task.sleep(for: limits.interval)
        }
    }

    /// What came of working at a job.
    private enum Outcome: Sendable {
        case done([UInt8])
        case failed(any Error)
        case leaseLost
    }

    private func finish(_ job: Job) async throws {
        if let ended = job.ended { return try await tell(job, ended, report: job.report) }
        let metadata: Logger.Metadata = ["operation.id": "\(job.id)", "job.action": "\(job.command.request.action)"]
        logger.info("job taken", metadata: metadata)
        let outcome = await perform(job)
        let isStopping = Task.isCancelled
        // Not cancelled with this task: what is to be written at the end must be written.
        try await Task {
            switch outcome {
            case .leaseLost: logger.warning("another copy took the job over", metadata: metadata)
            case .done(let report): try await end(job, error: nil, report)
            case .failed where isStopping: try await store.release(job.id)
            case .failed(let error):
                let failure = Failure(error)
                logger.warning("a job was cut short", metadata: metadata.merging(["error": "\(failure)"]) { $1 })
                switch failure.disposition {
                case .outage: try await store.release(job.id, after: limits.pause)
                case .retry where job.failures + 1 < limits.maxFailures, .fatal where job.failures + 1 < limits.maxFailures:
                    try await store.release(job.id, after: limits.pause, failures: 1)
                case .retry, .deadLetter, .fatal:
                    // A tool says in its own words why it cannot; anything else is ours.
                    let isRefusal = failure.disposition == .deadLetter
                    try await end(job, error: (isRefusal ? .invalidState : .internalError, failure.message), nil)
                }
            }
        }.value
    }

    private func perform(_ job: Job) async -> Outcome {
        let latest = Latest()
        return await withTaskGroup(of: Outcome?.self) { group in
            group.addTask {
                do {
                    return .done(try await work(job) { latest.value = $0 })
                } catch {
                    return .failed(error)
                }
            }
            group.addTask {
                var heldUntil = ContinuousClock.now + store.lease
                while true {
                    do { try await Task.sleep(for: limits.heartbeat) } catch { return nil }
                    do {
                        guard try await store.keep(job.id, progress: latest.value) else { return .leaseLost }
                        heldUntil = .now + store.lease
                    } catch {
                        // While PostgreSQL is away nobody else can take it; but what was away for this process may be there for another.
                        if ContinuousClock.now >= heldUntil { return .failed(error) }
                    }
                }
            }
            var outcome: Outcome?
            while outcome == nil, let next = await group.next() { outcome = next }
            group.cancelAll()
            // The work must have stopped before the job is given back.
            await group.waitForAll()
            return outcome ?? .failed(CancellationError())
        }
    }

    /// How far the work is, told by its task and read by the one that prolongs the lease.
    private final class Latest: Sendable {
        private let state = Mutex<[UInt8]?>(nil)
        var value: [UInt8]? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    private func end(_ job: Job, error: (code: ErrorCode, message: String)?, _ report: [UInt8]?) async throws {
        let operation = job.command.pending.finished(error: error)
        guard try await store.end(operation, report: report) else { return }
        try await tell(job, operation, report: report)
        logger.info("job ended", metadata: ["operation.id": "\(job.id)", "job.status": "\(operation.status.rawValue)"])
    }

    private func tell(_ job: Job, _ operation: Operation, report: [UInt8]?) async throws {
        try await teller.ended(job.command, operation, at: store.ended(job.id), report: report, trace: job.trace)
        try await store.told(job.id)
    }
}
