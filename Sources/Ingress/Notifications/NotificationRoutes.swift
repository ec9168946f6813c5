import Domain
import HTTPTypes
import Hummingbird
import PostgresClient

/// What a user was told, by whatever way. Only one's own.
struct NotificationRoutes: Sendable {
    let services: Services
    let reports: NotificationReports

    func add(to routes: inout RouteTable) {
        routes.on(.get, "/api/v1/notifications", list)
    }

    /// `GET /notifications`, newest first.
    private func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        try request.checkQuery(knows: ["page", "per_page"])
        let page = try Page(request)
        let headers = try await services.limiter.admit("notifications", user: token, request, context)
        do {
            let found = try await reports.notifications(of: token.user, offset: page.offset, limit: page.size)
            return Answer.page(page, total: found.total, headers: headers) { for row in found.rows { row.write(&$0) } }
        } catch {
            throw APIError.unavailable()
        }
    }
}
