import Analytics
import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import PostgresClient

/// Figures of sales: an organiser reads those of the own tenant, an admin all. They are seconds behind what happens.
struct AnalyticsRoutes: Sendable {
    private static let path = "/api/v1/analytics"
    /// Minutes of `realtime`, and events of the dashboard.
    private static let minutes = (usual: 30, range: 1...180)
    private static let events = (usual: 20, range: 1...100)

    let services: Services
    let reports: AnalyticsReports

    init(services: Services) {
        self.services = services
        reports = AnalyticsReports(database: services.bookings.database)
    }

    func add(to routes: inout RouteTable) {
        routes.on(.get, "\(Self.path)/events/{id}/realtime", realtime)
        routes.on(.get, "\(Self.path)/events/{id}/daily", daily)
        routes.on(.get, "\(Self.path)/dashboard", dashboard)
    }

    /// `GET /analytics/events/{id}/realtime`: the last minutes, the running one included.
    func realtime(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try enter(request)
        let id: EventID = try context.id()
        try request.checkQuery(knows: ["minutes"])
        let count = try AnalyticsPeriod.number("minutes", request, default: Self.minutes.usual, in: Self.minutes.range)
        let headers = try await services.limiter.admit("analytics_realtime", user: token, request, context)
        let tenant = try await tenant(of: id, for: token)
        let now = BookingEngine.wallClockMs()
        let start = Timestamp(ms: now - now % 60_000 - Int64(count - 1) * 60_000)
        let lines = try await read { try await reports.minutes(since: start, tenant: tenant, event: id) }
        return Answer.success(headers: headers) {
            $0.object {
                $0.member("event_id", id)
                $0.member("time_zone", "UTC")
                $0.member("from", start.description)
                $0.member("until", Timestamp(ms: now).description)
                $0.key("totals")
                $0.object { Self.write(&$0, Self.total(lines)) }
                Self.write(&$0, "minutes", lines) { $0.member("minute", $1.name) }
            }
        }
    }

    /// `GET /analytics/events/{id}/daily`
    func daily(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try enter(request)
        let id: EventID = try context.id()
        try request.checkQuery(knows: ["from", "until"])
        let period = try AnalyticsPeriod(request)
        let headers = try await services.limiter.admit("analytics_daily", user: token, request, context)
        let tenant = try await tenant(of: id, for: token)
        let lines = try await read { try await reports.days(period, tenant: tenant, event: id) }
        return Answer.success(headers: headers) {
            $0.object {
                $0.member("event_id", id)
                Self.write(&$0, period, lines)
            }
        }
    }

    /// `GET /analytics/dashboard`: all sales of the tenant, of an admin all or those of `tenant`.
    func dashboard(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try enter(request)
        try request.checkQuery(knows: ["from", "until", "limit", "tenant"])
        let period = try AnalyticsPeriod(request)
        let limit = try AnalyticsPeriod.number("limit", request, default: Self.events.usual, in: Self.events.range)
        let headers = try await services.limiter.admit("analytics_dashboard", user: token, request, context)
        var tenant = token.role == .admin ? nil : token.tenant
        if let slug = request.uri.queryParameters["tenant"] {
            // Another tenant is as one that is not there.
            guard let named = try await read({ try await reports.tenant(String(slug)) }), token.organizes(named) else {
                throw APIError(.notFound, "There is no such tenant.", field: "tenant", reason: "is unknown")
            }
            tenant = named
        }
        let scope = tenant
        let days = try await read { try await reports.days(period, tenant: scope) }
        let events = try await read { try await reports.events(period, tenant: scope, limit: limit) }
        return Answer.success(headers: headers) {
            $0.object {
                $0.member("tenant_id", ifPresent: scope?.description)
                Self.write(&$0, period, days)
                Self.write(&$0, "events", events) {
                    $0.member("event_id", $1.name)
                    $0.member("slug", ifPresent: $1.slug)
                    $0.member("title", ifPresent: $1.title)
                }
            }
        }
    }

    // MARK: Parts

    private func enter(_ request: Request) throws(APIError) -> AccessToken {
        let token = try services.authenticate(request)
        try token.mustOrganize()
        return token
    }

    private func tenant(of id: EventID, for token: AccessToken) async throws(APIError) -> TenantID {
        let found = try await read { try await services.payments.event(id)?.tenant }
        // Another tenant's event is as one that is not there.
        guard let found, token.organizes(found) else { throw APIError(.notFound, "There is no such event.", field: "id", reason: "is unknown") }
        return found
    }

    private func read<Value: Sendable>(_ body: () async throws -> Value) async throws(APIError) -> Value {
        do {
            return try await body()
        } catch {
            throw .unavailable()
        }
    }

    private static func total(_ lines: [AnalyticsReports.Line]) -> [String: Figures] {
        lines.reduce(into: [:]) { sum, line in sum.merge(line.figures) { $0.adding($1) } }
    }

    private static func write(_ writer: inout JSONWriter, _ period: AnalyticsPeriod, _ days: [AnalyticsReports.Line]) {
        writer.member("time_zone", "UTC")
        writer.member("from", period.from)
        writer.member("until", period.until)
        writer.key("totals")
        writer.object { write(&$0, total(days)) }
        write(&writer, "days", days) { $0.member("day", $1.name) }
    }

    private static func write(
        _ writer: inout JSONWriter, _ name: StaticString, _ lines: [AnalyticsReports.Line],
        head: (inout JSONWriter, AnalyticsReports.Line) -> Void
    ) {
        writer.key(name)
        writer.array {
            for line in lines {
                $0.object {
                    head(&$0, line)
                    write(&$0, line.figures)
                }
            }
        }
    }

    /// What has no price is a number; money has one for each currency.
    private static func write(_ writer: inout JSONWriter, _ figures: [String: Figures]) {
        let sum = figures.values.reduce(Figures()) { $0.adding($1) }
        for figure in Figure.allCases where !figure.isMoney { writer.member(figure.member, sum[figure]) }
        writer.key("money")
        writer.array {
            for (currency, figures) in figures.sorted(by: { $0.key < $1.key }) where figures[.revenueMinor] != 0 || figures[.refundedMinor] != 0 {
                $0.object {
                    $0.member("currency", currency)
                    $0.member("revenue_minor", figures[.revenueMinor])
                    $0.member("refunded_minor", figures[.refundedMinor])
                    $0.member("net_minor", figures[.revenueMinor] - figures[.refundedMinor])
                }
            }
        }
    }
}

extension Figures {
    fileprivate func adding(_ other: Figures) -> Figures {
        var sum = self
        sum += other
        return sum
    }
}
