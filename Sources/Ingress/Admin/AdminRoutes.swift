import AuditLog
import DeadLetters
import Replays

/// What operators read and ask for under `/api/v1/admin`. Reads come from PostgreSQL and Kafka; what changes anything is a job of the ops worker.
struct AdminRoutes: Sendable {
    static let path = "/api/v1/admin"

    let gate: AdminGate
    let jobs: JobReports
    let replays: ReplayDesk
    let lag: LagBoard
    let deadLetters: DeadLetterRoutes

    func add(to routes: inout RouteTable) {
        let base = Self.path
        let jobs = JobRoutes(gate: gate, jobs: jobs)
        routes.on(.get, "\(base)/jobs", jobs.list)
        routes.on(.get, "\(base)/jobs/{id}", jobs.one)
        routes.on(.get, "\(base)/lag", LagRoute(gate: gate, board: lag).list)
        routes.on(.get, "\(base)/dlq/groups", deadLetters.groups)
        routes.on(.get, "\(base)/dlq/messages", deadLetters.list)
        routes.on(.get, "\(base)/dlq/messages/{topic}/{partition}/{offset}", deadLetters.one)
        routes.on(.post, "\(base)/dlq/redrive", deadLetters.redrive)
        routes.on(.post, "\(base)/dlq/discard", deadLetters.discard)
        routes.on(.post, "\(base)/dlq/export", deadLetters.export)
        routes.on(.post, "\(base)/dlq/import", deadLetters.take)
        QueueModeRoutes(gate: gate, audit: deadLetters.audit).add(to: &routes)
        routes.on(
            .get, "\(base)/audit-logs", AuditRoutes(gate: gate, search: AuditSearch(database: self.jobs.database), audit: deadLetters.audit).list)
        let replays = ReplayRoutes(gate: gate, desk: replays)
        routes.on(.get, "\(base)/replays", replays.list)
        routes.on(.post, "\(base)/replays", replays.start)
    }
}
