public import Domain
import KafkaClient
public import Logging
public import PostgresClient

/// Has messages of a topic handled again. Used by `rushctl replay` and by the ops worker alike.
///
/// What is done is written down as it is done. Who is stopped or killed leaves a replay that can be resumed: nothing is left out then, and what is
/// handed on a second time has its old id, by which it is recognised.
public struct ReplayDesk: Sendable {
    /// Stops the members of a group and returns what starts them again.
    public typealias StopFleet = @Sendable (_ group: String) async throws -> @Sendable () async throws -> Void

    let database: PostgresClient
    let bootstrapServers: String
    let store: ReplayStore
    let audit: @Sendable (AuditEntry) async throws -> Void
    let stopFleet: StopFleet?
    let logger: Logger
    /// Called between any two steps; tests end a replay here as a crash would.
    var checkpoint: @Sendable (StaticString) throws -> Void = { _ in }

    /// - Parameters:
    ///   - database: with two connections at least. It must be started.
    ///   - audit: called before anything is done, and at the end; what it throws keeps the replay from beginning.
    ///   - stopFleet: nil where this process cannot stop a group's members.
    public init(
        database: PostgresClient, bootstrapServers: String, audit: @escaping @Sendable (AuditEntry) async throws -> Void,
        stopFleet: StopFleet? = nil, logger: Logger
    ) {
        self.database = database
        self.bootstrapServers = bootstrapServers
        store = ReplayStore(database: database)
        self.audit = audit
        self.stopFleet = stopFleet
        self.logger = logger
    }

    /// What a replay would do; changes nothing. A request for some keys or types is counted by reading all that it chooses from.
    /// - Throws: `.invalidRequest`, and what the stores give.
    public func plan(
        _ request: ReplayRequest, progress: @Sendable (ReplayProgress) -> Void = { _ in }
    ) async throws(ReplayError) -> ReplayPlan {
        do {
            return try await withAdmin { admin in try await Planner(desk: self, admin: admin).plan(request, counting: true, progress) }
        } catch {
            throw ReplayError(error, "plan")
        }
    }

    /// Does what a request says, to its end.
    /// - Parameters:
    ///   - id: the replay's id; nil makes a new one. One that is known already goes on where it was.
    ///   - progress: called about four times a second, from any thread.
    /// - Throws: ``ReplayError``; with `.interrupted` and whatever may pass, the replay can be resumed by its id.
    public func run(
        _ request: ReplayRequest, actor: AuditActor, id: String? = nil, progress: @escaping @Sendable (ReplayProgress) -> Void = { _ in }
    ) async throws(ReplayError) -> ReplayReport {
        let id = id ?? Self.newID()
        do {
            if try await store.find(id) != nil { return try await takeUp(id, actor: actor, changed: request, progress) }
            let plan = try await withAdmin { admin in try await Planner(desk: self, admin: admin).plan(request, counting: false) { _ in } }
            if let obstacle = plan.obstacles.first { throw ReplayError(plan.hasMembers ? .activeMembers : .invalidRequest, "begin", obstacle) }
            try await tell(id, request, actor, .accepted)
            let stretches = plan.partitions.map {
                ReplayStore.Stretch(
                    partition: KafkaTopicPartition(topic: $0.topic, partition: $0.partition), from: $0.from, until: $0.until, next: $0.from)
            }
            let owner = Self.newID()
            try await store.insert(id, request, stretches, actor: actor.description, owner: owner)
            return try await work(ReplayStore.Work(id: id, request: request, stretches: stretches), actor, owner, progress)
        } catch {
            throw ReplayError(error, "run")
        }
    }

    /// Goes on with a replay that was stopped, or whose process died.
    /// - Parameter acceptDifferences: as the request's, which it overrides where it is true.
    /// - Throws: as ``run(_:actor:id:progress:)``; `.busy` while somebody works at it.
    public func resume(
        _ id: String, actor: AuditActor, acceptDifferences: Bool = false, progress: @escaping @Sendable (ReplayProgress) -> Void = { _ in }
    ) async throws(ReplayError) -> ReplayReport {
        do {
            guard var request = try await find(id)?.request else { throw ReplayError(.notFound, "resume", "there is no replay \(id)") }
            request.acceptDifferences = request.acceptDifferences || acceptDifferences
            return try await takeUp(id, actor: actor, changed: request, progress)
        } catch {
            throw ReplayError(error, "resume")
        }
    }

    /// The newest replays, newest first.
    public func list(limit: Int = 50) async throws(ReplayError) -> [ReplaySummary] {
        do { return try await store.list(limit: limit) } catch { throw ReplayError(error, "list") }
    }

    /// One replay; nil for an id that is not known.
    public func find(_ id: String) async throws(ReplayError) -> ReplaySummary? {
        guard UUIDBits(id) != nil else { return nil }
        do { return try await store.find(id) } catch { throw ReplayError(error, "find") }
    }

    /// Gives up a replay that is not at its end, and drops the tables that a rebuild made or put aside.
    /// - Throws: `.busy` while somebody works at it, `.notFound`.
    public func forget(_ id: String, actor: AuditActor) async throws(ReplayError) {
        do {
            guard let summary = try await find(id) else { throw ReplayError(.notFound, "forget", "there is no replay \(id)") }
            if summary.status == .running { throw ReplayError(.busy, "forget", "somebody works at replay \(id)") }
            try await tell(id, summary.request, actor, .accepted, action: "replay.forget", entryID: "\(id)/forget")
            if summary.status == .interrupted { try await store.giveUp(id, error: "given up by \(actor)") }
            let schemas = ShadowSchemas(id: id)
            try await database.withConnection { connection in try connection.execute(script: schemas.drop) }
        } catch {
            throw ReplayError(error, "forget")
        }
    }

    private func takeUp(
        _ id: String, actor: AuditActor, changed request: ReplayRequest, _ progress: @escaping @Sendable (ReplayProgress) -> Void
    ) async throws -> ReplayReport {
        let owner = Self.newID()
        guard let work = try await store.claim(id, owner: owner) else {
            guard let report = try await store.find(id)?.report else { throw ReplayError(.notFound, "resume", "replay \(id) has no report") }
            return report
        }
        var wanted = work.request
        wanted.acceptDifferences = wanted.acceptDifferences || request.acceptDifferences
        wanted.rate = request.rate
        do {
            try await tell(id, wanted, actor, .accepted, action: "replay.resume", entryID: "\(id)/resume/\(owner)")
        } catch {
            try? await store.release(id, owner: owner, error: nil)
            throw error
        }
        return try await self.work(ReplayStore.Work(id: id, request: wanted, stretches: work.stretches), actor, owner, progress)
    }

    /// Does the work while the lease holds, and writes how it ended.
    private func work(
        _ work: ReplayStore.Work, _ actor: AuditActor, _ owner: String, _ progress: @escaping @Sendable (ReplayProgress) -> Void
    ) async throws -> ReplayReport {
        let report: ReplayReport
        do {
            report = try await holding(work.id, owner) { try await perform(work, owner, progress) }
        } catch {
            let error = ReplayError(error, "run")
            // Not cancelled with this task: who comes next must not have to wait for the lease.
            let (store, checkpoint) = (store, checkpoint)
            try? await Task {
                try checkpoint("before the lease is given back")
                try await store.release(work.id, owner: owner, error: error.code == .interrupted ? nil : error.message)
            }.value
            throw error
        }
        try await tell(work.id, work.request, actor, .succeeded, report: report)
        return report
    }

    private func perform(
        _ work: ReplayStore.Work, _ owner: String, _ progress: @escaping @Sendable (ReplayProgress) -> Void
    ) async throws -> ReplayReport {
        switch work.request.into {
        case .group(let group): try await withAdmin { try await GroupReset(desk: self, admin: $0).run(work, group, owner) }
        case .worker(let group): try await withAdmin { try await SideStream(desk: self, admin: $0).run(work, group, owner, progress) }
        case .rebuild(let projection):
            try await withAdmin {
                try await Rebuild(desk: self, admin: $0, projection: projection, work: work, owner: owner, progress: progress).run()
            }
        }
    }

    /// Runs `body` and prolongs the lease meanwhile; ends it when the lease is lost.
    private func holding<T: Sendable>(_ id: String, _ owner: String, _ body: @escaping @Sendable () async throws -> T) async throws -> T {
        let store = store
        return try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                while true {
                    do { try await Task.sleep(for: ReplayStore.heartbeat) } catch { return nil }
                    // While PostgreSQL is away nobody else can take it.
                    if (try? await store.keep(id, owner: owner)) == false {
                        throw ReplayError(.busy, "lease", "somebody else has taken replay \(id) over")
                    }
                }
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private func tell(
        _ id: String, _ request: ReplayRequest, _ actor: AuditActor, _ outcome: AuditEntry.Outcome, action: String = "replay",
        entryID: String? = nil, report: ReplayReport? = nil
    ) async throws {
        let what = try report.map { try ReplayStore.json($0) } ?? ReplayStore.json(request)
        let entry = AuditEntry(
            id: entryID ?? "\(id)/\(outcome.rawValue)", actor: actor, action: action, entity: "replays", entityID: id, outcome: outcome,
            new: Array(what.utf8), at: Timestamp(ms: WallClock.nowMs()))
        do {
            try await audit(entry)
        } catch {
            // The end is told as well as it can be: what was done stays done.
            if outcome == .accepted { throw ReplayError(.audit, "audit", "the audit could not be written: \(error)", underlying: error) }
            logger.warning("the end of a replay could not be audited", metadata: ["replay.id": "\(id)", "error": "\(error)"])
        }
    }

    func withAdmin<T>(_ body: (KafkaAdmin) async throws -> T) async throws -> T {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "replay-admin"), logger: logger)
        do {
            let result = try await body(admin)
            await admin.shutdown()
            return result
        } catch {
            await admin.shutdown()
            throw error
        }
    }

    private static func newID() -> String {
        UUIDBits.version7(nowMs: WallClock.nowMs(), shard: Shard(truncating: 0)).description
    }
}
