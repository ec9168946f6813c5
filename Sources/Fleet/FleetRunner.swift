public import LocalStack

/// How a copy of a worker was told to stop, and did.
public enum DrainOutcome: String, Sendable, Codable {
    /// It finished what was in hand and ended.
    case drained
    /// It did not end within the limit, and was killed; what it had in hand is delivered again.
    case killed
}

/// Starts and stops the copies of workers; one at a time for each copy.
public protocol FleetRunner: Sendable {
    /// Starts a copy, and returns when it is ready.
    func start(_ worker: WorkerPlan, copy: Int) async throws
    /// Lets a copy finish what is in hand, and returns when it is gone.
    func drain(_ worker: WorkerPlan, copy: Int) async -> DrainOutcome
    /// Whether the copy is there.
    func isRunning(_ worker: WorkerPlan, copy: Int) async -> Bool
    /// The copy's process; nil while it has none.
    func processID(of worker: WorkerPlan, copy: Int) async -> Int32?
    /// Where the copy has `/metrics`, `/health` and `/ready`; nil where that is not known.
    func metricsPort(of worker: WorkerPlan, copy: Int) -> Int?
}

/// Copies as processes of this machine.
///
/// The first ``WorkerPlan/minimum`` copies have a name in their consumer group (`WORKER_INSTANCE_ID`, KIP-345): one that crashed works again at once, and the
/// others notice nothing. Such a member does not leave when it stops, its partitions wait for it (`session.timeout.ms`, 6 s). So the copies above the minimum,
/// which come and go, have no name: they leave when they are drained, and the others have their partitions at once.
public struct LocalStackRunner: FleetRunner {
    private let stack: LocalStack

    /// Runs copies beside what the stack runs already; its `stopLimit` is the limit of a drain.
    public init(_ stack: LocalStack) {
        self.stack = stack
    }

    public func start(_ worker: WorkerPlan, copy: Int) async throws {
        var environment = worker.environment
        if copy > worker.minimum { environment["WORKER_INSTANCE_ID"] = "" }
        try await stack.startCopy(.worker(worker.name, copy: copy), environment: environment)
    }

    public func drain(_ worker: WorkerPlan, copy: Int) async -> DrainOutcome {
        await stack.stop(.worker(worker.name, copy: copy)) == .signal(9) ? .killed : .drained
    }

    public func isRunning(_ worker: WorkerPlan, copy: Int) async -> Bool {
        await stack.isRunning(.worker(worker.name, copy: copy))
    }

    public func processID(of worker: WorkerPlan, copy: Int) async -> Int32? {
        await stack.processIDs()[Component.worker(worker.name, copy: copy).name]
    }

    public func metricsPort(of worker: WorkerPlan, copy: Int) -> Int? {
        try? stack.metricsPort(of: .worker(worker.name, copy: copy))
    }
}
