import Domain
import Foundation
import Hummingbird
import Replays

/// `GET` and `POST /admin/replays`: have messages of a topic handled again.
struct ReplayRoutes: Sendable {
    /// How long a dry run may count, where it has to read what it counts.
    private static let longestCount: Duration = .seconds(25)
    /// Replays that are listed at most.
    private static let longestList = 1_000

    let gate: AdminGate
    let desk: ReplayDesk

    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("replays", request, context)
        let page = try Page(request)
        do {
            let all = try await desk.list(limit: Self.longestList)
            let rows = try all.dropFirst(page.offset).prefix(page.size).map { try AdminJSON.encode($0) }
            return Answer.page(page, total: Int64(all.count), headers: pass.headers) { for row in rows { $0.raw(row) } }
        } catch {
            throw APIError.unavailable()
        }
    }

    func start(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("replay", request, context)
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request)
        let wish = try ReplayWish(json: body)
        if wish.isDryRun { return try await plan(wish.request, pass) }
        return try await gate.accept(.replay(try AdminJSON.encode(wish.request)), key: key, body: body, pass)
    }

    private func plan(_ request: ReplayRequest, _ pass: AdminGate.Pass) async throws -> Response {
        let plan: ReplayPlan?
        do {
            plan = try await within(Self.longestCount) { try await desk.plan(request) }
        } catch let error as ReplayError {
            throw APIError(error)
        }
        guard let plan else {
            throw APIError(
                .requestTimeout, "There is too much to count within one request; `rushctl replay --dry-run` counts all of it.", field: "dry_run",
                reason: "took longer than \(Self.longestCount)")
        }
        let json = try AdminJSON.encode(plan)
        return Answer.success(headers: pass.headers) { $0.raw(json) }
    }
}

extension APIError {
    /// What a replay's refusal is to the client.
    init(_ error: ReplayError) {
        switch error.code {
        case .invalidRequest: self.init(.validation, "The request is not valid.", field: "body", reason: error.message)
        case .activeMembers: self.init(.invalidState, error.message, field: "into.group", reason: "has active members")
        default: self = .unavailable()
        }
    }
}
