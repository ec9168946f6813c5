import Foundation
import Glibc
public import Logging

/// Starts and supervises the processes of one installation on this machine.
///
/// Every process dies with this one, even if this one is killed. A process that ends by itself is reported on ``exits`` and not restarted.
public actor LocalStack {
    /// After SIGKILL, the kernel has this long to take the process away.
    static let killLimit = Duration.seconds(15)

    /// What was asked for.
    public nonisolated let configuration: LocalStackConfiguration
    /// Where everything listens.
    public nonisolated let endpoints: Endpoints
    /// Processes that ended without having been told to; for one reader. Finishes with ``stop()``.
    public nonisolated let exits: AsyncStream<UnexpectedExit>

    nonisolated let book = PortBook()
    nonisolated let folder: InstallationFolder
    private let exitsContinuation: AsyncStream<UnexpectedExit>.Continuation
    private let logger: Logger
    private var members: [Component: Member] = [:]

    /// How to run one process; kept for a restart.
    struct Plan: Sendable {
        let component: Component
        let ports: [Int]
        var stopSignal = SIGTERM
        var retryWhenLogged: String?
        let launch: @Sendable (_ log: String) throws -> ProcessLaunch
        let isReady: @Sendable () async -> Bool
    }

    private struct Member: Sendable {
        let plan: Plan
        var child: ChildProcess?
        var log: LogFile
        /// While it is being started or ended, its end is the business of who does that.
        var isWatched = false
    }

    /// Takes the folder, and chooses the ports; starts nothing.
    /// - Throws: ``LocalStackError``: `.alreadyRunning` when another supervisor has the folder.
    public init(_ configuration: LocalStackConfiguration, logger: Logger = Logger(label: "local-stack")) throws(LocalStackError) {
        self.configuration = configuration
        self.logger = logger
        Self.raiseFileLimit()
        folder = try InstallationFolder(path: configuration.directory)
        endpoints = try Endpoints(configuration, folder: folder, book: book)
        (exits, exitsContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    deinit {
        for member in members.values { member.child?.send(SIGKILL, toGroup: true) }
        exitsContinuation.finish()
    }

    /// Removes an installation with all its data. A folder that is none, or is in use, is refused.
    public static func erase(directory: String) throws(LocalStackError) {
        try InstallationFolder.erase(directory)
    }

    /// Removes this installation with all its data, after ``stop()``.
    public func erase() throws(LocalStackError) {
        try folder.erase()
    }

    // MARK: State

    /// Whether the process is there.
    public func isRunning(_ component: Component) -> Bool {
        members[component].map { $0.child != nil && $0.child?.exit == nil } ?? false
    }

    /// The process ids by component name, of those that run.
    public func processIDs() -> [String: Int32] {
        var ids: [String: Int32] = [:]
        for (component, member) in members where member.child?.exit == nil { ids[component.name] = member.child?.pid }
        return ids
    }

    /// The last lines that the component wrote in its present or last run.
    public func logTail(of component: Component) -> String { members[component]?.log.tail ?? "" }

    /// Where the component writes.
    public nonisolated func logPath(of component: Component) -> String { folder.logPath(component.name) }

    // MARK: Ending and starting again

    /// Stops everything: the workers, the ingress, the simulator, the broker, PostgreSQL, Redis; each has its limit, then it is killed.
    /// Not hindered by cancellation.
    public func stop() async {
        await Task { await self.stopAll() }.value
    }

    /// Stops one process as ``stop()`` does; it can be started again by ``restart(_:)``.
    /// - Returns: how it ended, now or before; SIGKILL's number when it had to be killed.
    @discardableResult
    public func stop(_ component: Component) async -> ExitStatus? {
        guard let member = members[component] else { return nil }
        return await Task { await self.end(component, with: member.plan.stopSignal) }.value
    }

    /// Sends the signal, SIGKILL unless told otherwise, and waits until the process is gone: a crash, or a rude stop.
    /// - Throws: ``LocalStackError`` when it does not run, or survives the signal.
    public func kill(_ component: Component, _ signal: Int32 = 9) async throws {
        guard isRunning(component), let child = members[component]?.child else {
            throw LocalStackError(.invalid, operation: "kill \(component)", message: "it does not run")
        }
        members[component]?.isWatched = false
        child.send(signal)
        guard await child.waitForExit(limit: Self.killLimit) != nil else {
            throw LocalStackError(.timeout, operation: "kill \(component)", message: "still there \(Self.killLimit) after signal \(signal)")
        }
        child.join()
        folder.removePidFile(component.name)
    }

    /// Sends a signal that the process is to live through, such as SIGSTOP and SIGCONT.
    public func signal(_ component: Component, _ signal: Int32) throws {
        guard isRunning(component) else {
            throw LocalStackError(.invalid, operation: "signal \(component)", message: "it does not run")
        }
        members[component]?.child?.send(signal)
    }

    /// Starts a process again with the same ports and data, having stopped it if it runs, and waits until it is ready.
    public func restart(_ component: Component) async throws {
        guard let plan = members[component]?.plan else {
            throw LocalStackError(.invalid, operation: "restart \(component)", message: "it was never started")
        }
        await stop(component)
        try await start(plan)
    }

    /// Removes a stopped store's data, as if its disk were lost. PostgreSQL's cluster is made anew by ``startPostgres()``.
    public func eraseData(of component: Component) throws {
        guard !isRunning(component) else {
            throw LocalStackError(.invalid, operation: "erase the data of \(component)", message: "it runs")
        }
        let path = URL(fileURLWithPath: folder.data(component.name)).resolvingSymlinksInPath().path
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            try FileManager.default.removeItem(atPath: "\(path)/\(entry)")
        }
    }

    private func stopAll() async {
        let all = Set(members.keys)
        let workers = all.filter(\.isWorker)
        let ingresses = all.filter { $0.program == Component.ingress.program }
        for phase in [Array(workers), Array(ingresses), [.simulator, .mailCatcher], [.broker], [.postgres], [.redis]] {
            await withTaskGroup(of: Void.self) { group in
                for component in phase {
                    guard let member = members[component] else { continue }
                    group.addTask { _ = await self.end(component, with: member.plan.stopSignal) }
                }
            }
        }
        exitsContinuation.finish()
    }

    private func end(_ component: Component, with signal: Int32) async -> ExitStatus? {
        guard let child = members[component]?.child else { return nil }
        members[component]?.isWatched = false
        child.send(signal)
        // A stopped process would not see the signal.
        child.send(SIGCONT)
        if await child.waitForExit(limit: configuration.stopLimit) == nil {
            logger.warning("component did not stop in time, killing it", metadata: ["component": "\(component)", "pid": "\(child.pid)"])
            child.send(SIGKILL, toGroup: true)
            _ = await child.waitForExit(limit: Self.killLimit)
        }
        child.join()
        folder.removePidFile(component.name)
        return child.exit
    }

    // MARK: Starting

    /// Starts the process and waits until it is ready.
    /// - Throws: ``LocalStackError``: `.portTaken`, `.missingTool`, `.childDied` or `.timeout` with the tail of its log.
    func start(_ plan: Plan) async throws {
        let component = plan.component
        guard !isRunning(component) else {
            throw LocalStackError(.invalid, operation: "start \(component)", message: "it runs already")
        }
        let began = ContinuousClock.now
        let deadline = began + configuration.startLimit
        for port in plan.ports { try await Ports.requireFree(port, for: component) }
        while true {
            let log = LogFile(path: folder.logPath(component.name))
            let launch = try plan.launch(log.path)
            try requireProgram(launch.program, for: component)
            let child = try await ChildProcess.start(launch, name: component.name) { [weak self] status in
                Task { [weak self] in await self?.childEnded(component, status) }
            }
            members[component] = Member(plan: plan, child: child, log: log)
            folder.writePidFile(component.name, pid: child.pid)
            if try await waitUntilReady(plan, child, log, deadline) { break }
            child.join()
            try await Task.sleep(for: .milliseconds(100))
        }
        members[component]?.isWatched = true
        // It may have ended between its last sign of life and this line.
        if let status = members[component]?.child?.exit { childEnded(component, status) }
        logger.debug("component ready", metadata: ["component": "\(component)", "duration": "\(ContinuousClock.now - began)"])
    }

    func requireProgram(_ program: String, for component: Component) throws(LocalStackError) {
        guard !FileManager.default.isExecutableFile(atPath: program) else { return }
        throw LocalStackError(
            .missingTool, operation: "start \(component)", message: "\(program) is not there; ops/run installs and builds what is missing")
    }

    /// - Returns: false when it died in a way that the plan wants tried again.
    private func waitUntilReady(_ plan: Plan, _ child: ChildProcess, _ log: LogFile, _ deadline: ContinuousClock.Instant) async throws -> Bool {
        while true {
            if let status = child.exit {
                child.join()
                let tail = log.tail
                if let text = plan.retryWhenLogged, tail.contains(text), ContinuousClock.now < deadline { return false }
                throw LocalStackError(
                    .childDied, operation: "start \(plan.component)", message: "it died (\(status)); its last lines:\n\(tail)")
            }
            if await plan.isReady() { return true }
            guard ContinuousClock.now < deadline else {
                child.send(SIGKILL, toGroup: true)
                _ = await child.waitForExit(limit: Self.killLimit)
                throw LocalStackError(
                    .timeout, operation: "start \(plan.component)",
                    message: "not ready after \(configuration.startLimit); its last lines:\n\(log.tail)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func childEnded(_ component: Component, _ status: ExitStatus) {
        guard let member = members[component], member.isWatched, member.child?.exit != nil else { return }
        members[component]?.isWatched = false
        member.child?.join()
        folder.removePidFile(component.name)
        exitsContinuation.yield(UnexpectedExit(component: component, status: status, logTail: member.log.tail))
    }

    /// A rush needs more open files than a shell's usual limit; children inherit it.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
