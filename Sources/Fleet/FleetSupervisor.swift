import Foundation
import Synchronization

/// Keeps as many copies of each worker as its lag asks for: starts, restarts and drains them, and writes down why.
public actor FleetSupervisor {
    /// Pauses of the restarts.
    public struct Backoff: Sendable {
        /// After the first crash; doubled by each further one.
        public var first: Duration = .seconds(1)
        /// The longest.
        public var limit: Duration = .seconds(60)
        /// A copy that ran this long starts counting anew.
        public var steady: Duration = .seconds(60)

        /// The usual ones.
        public init() {}

        func pause(crashes: Int) -> Duration { min(limit, first * (1 << min(max(crashes - 1, 0), 20))) }
    }

    struct Copy {
        var phase: FleetStatus.Copy.Phase
        var since: Date?
        var readyAt: ContinuousClock.Instant?
        /// In a row.
        var crashes = 0
        var restarts = 0
        var lastExit: String?
    }

    struct Worker {
        var plan: WorkerPlan
        var target: Int
        var wish = FleetWish.automatic
        var memory = CopiesDecision.Memory()
        var reading: FleetReading?
        var decision: CopiesDecision?
        var copies: [Int: Copy] = [:]
        /// Whether the plan does not name it any more; what is left of it drains.
        var isDismissed = false
    }

    /// What it goes by.
    public nonisolated var plan: FleetPlan { current.withLock { $0 } }
    nonisolated let current: Mutex<FleetPlan>
    let runner: any FleetRunner
    let log: FleetLog
    let backoff: Backoff
    private let lag: FleetLag
    private let directory: String
    var workers: [Worker]
    var isClosed = false
    /// Why the file as it is now cannot be used; nil where it is what the fleet goes by.
    var fault: String?
    private var jobs: [Int: Task<Void, Never>] = [:]
    private var nextJob = 0

    /// Starts nothing.
    /// - Parameters:
    ///   - directory: the installation's folder, shown in the status.
    ///   - lag: asked every ``FleetPlan/sample``.
    public init(
        plan: FleetPlan, runner: any FleetRunner, directory: String, log: FleetLog, backoff: Backoff = Backoff(), lag: @escaping FleetLag
    ) {
        current = Mutex(plan)
        self.runner = runner
        self.directory = directory
        self.log = log
        self.backoff = backoff
        self.lag = lag
        workers = plan.workers.map { Worker(plan: $0, target: $0.minimum) }
    }

    // MARK: Running

    /// Starts the fewest copies of every worker beside each other.
    /// - Throws: what the first failure was: at the start somebody is there to read it.
    public func start() async throws {
        let runner = runner
        try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for index in workers.indices {
                for copy in 1...workers[index].target {
                    workers[index].copies[copy] = Copy(phase: .starting)
                    let worker = workers[index].plan
                    group.addTask {
                        try await runner.start(worker, copy: copy)
                        return (index, copy)
                    }
                }
            }
            for try await (index, copy) in group { ready(index, copy) }
        }
        for index in workers.indices { reconcile(index) }
    }

    /// Asks for the lag and follows it, until it is cancelled.
    public func follow() async {
        while !Task.isCancelled, !isClosed {
            take(await lag())
            try? await Task.sleep(for: plan.sample)
        }
    }

    /// Decides on readings.
    func take(_ readings: [String: FleetReading], now: ContinuousClock.Instant = .now) {
        for index in workers.indices {
            workers[index].reading = readings[workers[index].plan.name]
            decide(index, now: now)
        }
    }

    /// Starts and stops nothing any more, and waits for what is on its way; the copies stay, for whoever stops the stack.
    public func close() async {
        isClosed = true
        let waiting = jobs.values
        for job in waiting { job.cancel() }
        for job in waiting { await job.value }
    }

    // MARK: Wishes

    /// Sets how many copies of a worker there are, or lets them follow the lag again.
    /// - Throws: ``FleetError``: `.invalidWish`.
    public func scale(_ name: String, _ wish: FleetWish) throws(FleetError) {
        let index = try self.index(of: name, operation: "scale \(name)")
        let most = workers[index].reading?.partitions ?? 100
        if case .fixed(let copies) = wish, !(0...most).contains(copies) {
            throw FleetError(.invalidWish, operation: "scale \(name)", message: "\(copies) copies; a copy each for \(most) partitions is the most")
        }
        workers[index].wish = wish
        // Whoever follows again does so from now.
        workers[index].memory.calmSince = nil
        if wish == .automatic, workers[index].target == 0 { workers[index].target = workers[index].plan.minimum }
        decide(index, now: .now)
    }

    /// Drains all copies of a worker and keeps it down until it is scaled again; or drains one copy, which is then started anew.
    /// - Throws: ``FleetError``: `.invalidWish`.
    public func drain(_ name: String, copy: Int? = nil) throws(FleetError) {
        guard let copy else { return try scale(name, .fixed(0)) }
        let index = try self.index(of: name, operation: "drain \(name)")
        guard workers[index].copies[copy]?.phase == .running else {
            throw FleetError(.invalidWish, operation: "drain \(name)", message: "copy \(copy) does not run")
        }
        drain(index, copy)
    }

    /// Drains all copies of all workers and keeps them down.
    public func down() throws(FleetError) {
        for worker in workers where !worker.isDismissed { try scale(worker.plan.name, .fixed(0)) }
    }

    /// Whether no copy is left, and none is wanted.
    public var isDown: Bool { workers.allSatisfy { $0.target == 0 && $0.copies.isEmpty } }

    /// Writes down who wanted what.
    func ordered(_ order: FleetOrder, _ what: String) {
        let number = order.copies.map { " \($0)" } ?? order.copy.map { " copy \($0)" } ?? (what == "scale" ? " auto" : "")
        var event = FleetEvent(.ordered, order.worker ?? "*", detail: "\(what)\(number) by \(order.actor ?? "somebody")")
        event.actor = order.actor
        log.write(event)
    }

    /// Calls `body` as soon as ``isDown``; not when it was scaled up again meanwhile.
    func whenDown(_ body: @escaping @Sendable () -> Void) {
        spawn {
            while await !self.isDown {
                guard await self.isGoingDown, (try? await Task.sleep(for: .milliseconds(50))) != nil else { return }
            }
            body()
        }
    }

    private var isGoingDown: Bool { workers.allSatisfy { $0.target == 0 } }

    /// Whether the worker is one of the fleet's.
    public func has(_ name: String) -> Bool { workers.contains { $0.plan.name == name } }

    private func index(of name: String, operation: String) throws(FleetError) -> Int {
        if let index = workers.firstIndex(where: { $0.plan.name == name && !$0.isDismissed }) { return index }
        let known = workers.filter { !$0.isDismissed }.map(\.plan.name).joined(separator: ", ")
        throw FleetError(.invalidWish, operation: operation, message: "there is no worker of that name; there are \(known)")
    }

    // MARK: Deciding

    func decide(_ index: Int, now: ContinuousClock.Instant) {
        guard !isClosed else { return }
        let worker = workers[index]
        let decision: CopiesDecision
        switch worker.wish {
        case .automatic:
            decision = .decide(worker.plan, copies: worker.target, reading: worker.reading, memory: &workers[index].memory, now: now)
        case .fixed(let copies):
            decision = CopiesDecision(wanted: worker.decision?.wanted, copies: copies, reason: .fixed)
            if copies != worker.target { workers[index].memory.changed = now }
        }
        if decision.copies != worker.target || decision.reason != worker.decision?.reason {
            var event = FleetEvent(.decision, worker.plan.name)
            (event.from, event.to, event.wanted, event.reason) = (worker.target, decision.copies, decision.wanted, decision.reason)
            (event.lagMessages, event.lagSeconds) = (worker.reading?.messages, worker.reading?.seconds)
            (event.arrivals, event.departures) = (worker.reading?.arrivals, worker.reading?.departures)
            log.write(event)
        }
        workers[index].decision = decision
        workers[index].target = decision.copies
        reconcile(index)
    }

    /// Runs `body` beside the actor's other work; ``close()`` waits for it.
    func spawn(_ body: @escaping @Sendable () async -> Void) {
        guard !isClosed else { return }
        let id = nextJob
        nextJob += 1
        jobs[id] = Task {
            await body()
            self.jobEnded(id)
        }
    }

    private func jobEnded(_ id: Int) { jobs[id] = nil }

    // MARK: Looking

    /// What the fleet does now.
    public func status() async -> FleetStatus {
        var list: [FleetStatus.Worker] = []
        for worker in workers where !worker.isDismissed || !worker.copies.isEmpty {
            var copies: [FleetStatus.Copy] = []
            for (number, copy) in worker.copies.sorted(by: { $0.key < $1.key }) {
                copies.append(
                    FleetStatus.Copy(
                        copy: number, phase: copy.phase, pid: await runner.processID(of: worker.plan, copy: number),
                        metricsPort: runner.metricsPort(of: worker.plan, copy: number), since: copy.since,
                        restarts: copy.restarts, lastExit: copy.lastExit))
            }
            list.append(
                FleetStatus.Worker(
                    worker: worker.plan.name, group: worker.plan.group, automatic: worker.wish == .automatic,
                    running: copies.count { $0.phase == .running }, target: worker.target, wanted: worker.decision?.wanted,
                    min: worker.plan.minimum, max: worker.plan.maximum, lagMessages: worker.reading?.messages,
                    lagSeconds: worker.reading?.seconds, arrivals: worker.reading?.arrivals, departures: worker.reading?.departures,
                    reason: worker.decision?.reason, copies: copies))
        }
        return FleetStatus(pid: ProcessInfo.processInfo.processIdentifier, directory: directory, log: log.path, fault: fault, workers: list)
    }
}
