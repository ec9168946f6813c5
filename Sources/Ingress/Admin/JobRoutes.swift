import Domain
import Hummingbird
import PostgresClient

/// `GET /admin/jobs` and `GET /admin/jobs/{id}`: what operators asked for, how far it is and what came of it.
struct JobRoutes: Sendable {
    let gate: AdminGate
    let jobs: JobReports

    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("jobs", request, context)
        let page = try Page(request)
        do {
            let found = try await jobs.jobs(page)
            return Answer.page(page, total: found.total, headers: pass.headers) { for job in found.rows { job.write(&$0) } }
        } catch {
            throw APIError.unavailable()
        }
    }

    func one(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("job", request, context)
        let id: OperationID = try context.id()
        let found: JobReport?
        do {
            found = try await jobs.job(id)
        } catch {
            throw APIError.unavailable()
        }
        guard let found else { throw APIError(.notFound, "There is no such job, or it is not yet taken up.", field: "id", reason: "is unknown") }
        return Answer.success(headers: pass.headers) { found.write(&$0) }
    }
}
