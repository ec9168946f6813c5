import Domain
import HTTPTypes
import Hummingbird
import Logging

/// Public reads of the catalogue, with live availability.
struct CatalogueRoutes: Sendable {
    /// Longest search text, in bytes.
    private static let longestSearch = 100

    let services: Services

    func events(_ request: Request, _ context: IngressContext) async throws -> Response {
        let page = try Page(request)
        func text(_ name: Substring) throws -> String? {
            guard let value = request.uri.queryParameters[name], !value.isEmpty else { return nil }
            guard value.utf8.count <= Self.longestSearch, !value.utf8.contains(0) else {
                throw APIError(.validation, "The request is not valid.", field: String(name), reason: "must be at most \(Self.longestSearch) bytes")
            }
            return String(value)
        }
        let (search, category, tenant) = (try text("search"), try text("category"), try text("tenant"))
        let headers = try await services.limiter.admit("events", user: nil, request, context)
        let found = try await read { try await services.catalogue.events(page: page, search: search, category: category, tenant: tenant) }
        return Answer.page(page, total: found.total, headers: headers) { for event in found.events { Self.write(&$0, event) } }
    }

    func event(_ request: Request, _ context: IngressContext) async throws -> Response {
        let headers = try await services.limiter.admit("event", user: nil, request, context)
        let name = context.parameters.get("id") ?? ""
        guard name.utf8.count <= Self.longestSearch, !name.utf8.contains(0), let event = try await read({ try await services.catalogue.event(name) })
        else {
            throw APIError(.notFound, "There is no such event.", field: "id", reason: "is unknown")
        }
        if let id = EventID(event.id), let tenant = event.tenantID.flatMap({ TenantID($0) }) {
            services.views?.viewed(id, of: tenant, trace: context.trace.headerText)
        }
        return Answer.success(headers: headers) { Self.write(&$0, event) }
    }

    func shows(_ request: Request, _ context: IngressContext) async throws -> Response {
        let id: EventID = try Self.id(context)
        let headers = try await services.limiter.admit("shows", user: nil, request, context)
        guard let shows = try await read({ try await services.catalogue.shows(of: id) }) else {
            throw APIError(.notFound, "There is no such event.", field: "id", reason: "is unknown")
        }
        return Answer.success(headers: headers) {
            $0.array {
                for show in shows {
                    $0.object {
                        $0.member("id", show.id)
                        $0.member("event_id", show.eventID)
                        $0.member("starts_at", show.startsAt)
                        $0.member("ends_at", show.endsAt)
                        $0.member("sale_opens_at", show.saleOpensAt)
                        $0.member("sale_closes_at", show.saleClosesAt)
                    }
                }
            }
        }
    }

    func zones(_ request: Request, _ context: IngressContext) async throws -> Response {
        let id: ShowID = try Self.id(context)
        let headers = try await services.limiter.admit("zones", user: nil, request, context)
        guard let zones = try await read({ try await services.catalogue.zones(of: id) }) else {
            throw APIError(.notFound, "There is no such show.", field: "id", reason: "is unknown")
        }
        return Answer.success(headers: headers) {
            $0.array {
                for (zone, counts) in zones {
                    $0.object {
                        $0.member("id", zone.id)
                        $0.member("show_id", zone.showID)
                        $0.member("event_id", zone.eventID)
                        $0.member("name", zone.name)
                        $0.member("seating", zone.seating)
                        $0.member("price_minor", zone.priceMinor)
                        $0.member("currency", zone.currency)
                        $0.member("capacity", counts?.capacity ?? zone.capacity)
                        $0.key("available")
                        if let counts { $0.int(counts.available) } else { $0.null() }
                    }
                }
            }
        }
    }

    func seats(_ request: Request, _ context: IngressContext) async throws -> Response {
        let id: ZoneID = try Self.id(context)
        let headers = try await services.limiter.admit("seats", user: nil, request, context)
        guard let (plan, map) = try await read({ try await services.catalogue.seats(of: id) }) else {
            throw APIError(.notFound, "There is no such zone.", field: "id", reason: "is unknown")
        }
        return Answer.success(headers: headers) {
            $0.array {
                for (position, seat) in plan.seats.enumerated() {
                    $0.object {
                        $0.member("id", seat.id)
                        $0.member("section", seat.section)
                        $0.member("row", seat.row)
                        $0.member("number", seat.number)
                        $0.key("available")
                        if let map { $0.bool(position < map.count && map[position] == UInt8(ascii: "f")) } else { $0.null() }
                    }
                }
            }
        }
    }

    /// PostgreSQL being away is a 503; what is cached is still answered.
    private func read<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch {
            services.logger.warning("the catalogue cannot be read", metadata: ["error": "\(error)"])
            throw APIError.unavailable()
        }
    }

    private static func id<Kind>(_ context: IngressContext) throws -> Identifier<Kind> {
        guard let id = context.parameters.get("id").flatMap({ Identifier<Kind>($0) }) else {
            throw APIError(.validation, "The request is not valid.", field: "id", reason: "must be a UUID")
        }
        return id
    }

    private static func write(_ writer: inout JSONWriter, _ event: Catalogue.EventSummary) {
        writer.object {
            $0.member("id", event.id)
            $0.member("slug", event.slug)
            $0.member("title", event.title)
            $0.member("description", event.description)
            $0.member("tenant", event.tenant)
            $0.member("category", ifPresent: event.category)
            $0.member("venue", ifPresent: event.venue)
            $0.member("city", ifPresent: event.city)
            $0.member("min_age", event.minAge)
            $0.member("max_tickets_per_user", event.maxTicketsPerUser)
            $0.member("sale_opens_at", event.saleOpensAt)
        }
    }
}
