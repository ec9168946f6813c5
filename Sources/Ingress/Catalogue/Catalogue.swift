import BookingEngine
import Domain
import Foundation
import PostgresClient
import RedisClient
import Synchronization

/// Public catalogue reads: PostgreSQL behind a cache in Redis, availability live from Redis.
struct Catalogue: Sendable {
    /// How long a cached answer stands (SPEC, F2); the catalogue worker deletes it when something changes.
    static let cached: Duration = .seconds(300)
    /// How long one process shows the same seat map (ARCHITECTURE, Redis).
    static let seatMapAge: Duration = .milliseconds(250)

    let database: PostgresClient
    let redis: RedisClient
    let engine: BookingEngine
    let seatMaps = SeatMapCache()

    struct EventSummary: Codable, Sendable {
        var id: String
        var slug: String
        var title: String
        var description: String
        var tenant: String
        /// Absent in what was cached by an earlier build.
        var tenantID: String?
        var category: String?
        var venue: String?
        var city: String?
        var minAge: Int64
        var maxTicketsPerUser: Int64
        var saleOpensAt: String
    }

    struct EventPage: Codable, Sendable {
        var events: [EventSummary]
        var total: Int64
    }

    struct Show: Codable, Sendable {
        var id: String
        var eventID: String
        var startsAt: String
        var endsAt: String
        var saleOpensAt: String
        var saleClosesAt: String
    }

    struct Zone: Codable, Sendable {
        var id: String
        var showID: String
        var eventID: String
        var name: String
        var seating: String
        var priceMinor: Int64
        var currency: String
        var capacity: Int64
    }

    struct Seat: Codable, Sendable {
        var id: String
        var section: String
        var row: String
        var number: String
    }

    struct SeatPlan: Codable, Sendable {
        var zone: Zone
        var seats: [Seat]
    }

    // MARK: Events

    func events(page: Page, search: String?, category: String?, tenant: String?) async throws -> EventPage {
        let key = "cache:events:\(page.number):\(page.size):\(Self.keyPart(search)):\(Self.keyPart(category)):\(Self.keyPart(tenant))"
        return try await cached(key) {
            let filter = """
                FROM events e JOIN tenants t ON t.id = e.tenant_id LEFT JOIN categories c ON c.id = e.category_id LEFT JOIN venues v ON v.id = e.venue_id
                WHERE e.status = 'published' AND e.deleted_at IS NULL
                  AND ($1::text IS NULL OR position(lower($1::text) IN lower(e.title || ' ' || e.description)) > 0)
                  AND ($2::text IS NULL OR c.slug = $2::text) AND ($3::text IS NULL OR t.slug = $3::text)
                """
            let parameters: [PostgresValue] = [search, category, tenant].map { $0.map { .text($0) } ?? .null }
            let total = try await database.query("SELECT count(*) AS total \(filter)", parameters)
            let rows = try await database.query(
                "SELECT \(Self.eventColumns) \(filter) ORDER BY e.sale_opens_at, e.id LIMIT $4::bigint OFFSET $5::bigint",
                parameters + [.int(Int64(page.size)), .int(Int64(page.offset))])
            return EventPage(events: try rows.map(Self.event), total: try total[0].int64("total"))
        }
    }

    /// - Parameter name: an id or a slug.
    func event(_ name: String) async throws -> EventSummary? {
        try await cached("cache:event:\(Self.keyPart(name))") {
            let isID = EventID(name) != nil
            let rows = try await database.query(
                """
                SELECT \(Self.eventColumns)
                FROM events e JOIN tenants t ON t.id = e.tenant_id LEFT JOIN categories c ON c.id = e.category_id LEFT JOIN venues v ON v.id = e.venue_id
                WHERE e.status = 'published' AND e.deleted_at IS NULL AND \(isID ? "e.id = $1::uuid" : "e.slug = $1")
                """, [.text(name)])
            return try rows.first.map(Self.event)
        }
    }

    func shows(of event: EventID) async throws -> [Show]? {
        try await cached("cache:shows:\(event)") {
            let published = try await database.query(
                "SELECT 1 FROM events WHERE id = $1::uuid AND status = 'published' AND deleted_at IS NULL", [.text(event.description)])
            if published.isEmpty { return nil }
            let rows = try await database.query(
                """
                SELECT s.id, s.event_id, \(Self.time("s.starts_at")), \(Self.time("s.ends_at")), \(Self.time("e.sale_opens_at")), \(Self.time("s.sale_closes_at"))
                FROM shows s JOIN events e ON e.id = s.event_id WHERE s.event_id = $1::uuid ORDER BY s.starts_at, s.id
                """, [.text(event.description)])
            return try rows.map { row in
                Show(
                    id: try row.string("id"), eventID: try row.string("event_id"), startsAt: try row.string("starts_at"),
                    endsAt: try row.string("ends_at"),
                    saleOpensAt: try row.string("sale_opens_at"), saleClosesAt: try row.string("sale_closes_at"))
            }
        }
    }

    // MARK: Zones and seats

    func zones(of show: ShowID) async throws -> [(zone: Zone, counts: ZoneCounts?)]? {
        let zones: [Zone]? = try await cached("cache:zones:\(show)") {
            let rows = try await database.query("\(Self.zoneQuery) WHERE s.id = $1::uuid ORDER BY z.name, z.id", [.text(show.description)])
            return rows.isEmpty ? nil : try rows.map(Self.zone)
        }
        guard let zones else { return nil }
        let places = zones.compactMap { zone in
            ZoneID(zone.id).flatMap { id in EventID(zone.eventID).map { (id, Shard(of: $0)) } }
        }
        // When Redis is away the zones are still shown, without their counts.
        let counts = (try? await engine.zoneCounts(places)) ?? Array(repeating: nil, count: zones.count)
        return Array(zip(zones, counts)).map { (zone: $0.0, counts: $0.1) }
    }

    func seats(of zone: ZoneID) async throws -> (plan: SeatPlan, map: [UInt8]?)? {
        let plan: SeatPlan? = try await cached("cache:seats:\(zone)") {
            let zones = try await database.query("\(Self.zoneQuery) WHERE z.id = $1::uuid", [.text(zone.description)])
            guard let row = zones.first else { return nil }
            let seats = try await database.query(
                "SELECT id, section, row_label, number FROM seats WHERE zone_id = $1::uuid ORDER BY position", [.text(zone.description)])
            return SeatPlan(
                zone: try Self.zone(row),
                seats: try seats.map {
                    Seat(id: try $0.string("id"), section: try $0.string("section"), row: try $0.string("row_label"), number: try $0.string("number"))
                })
        }
        guard let plan, let event = EventID(plan.zone.eventID) else { return nil }
        if plan.seats.isEmpty { return (plan, nil) }
        let map = try? await seatMaps.map(of: zone, maximumAge: Self.seatMapAge) { () throws(EngineError) in
            try await engine.seatMap(zone, Shard(of: event))
        }
        return (plan, map)
    }

    // MARK: Parts

    /// Gives the cached answer, or makes and caches it. Redis being away only means that PostgreSQL is asked.
    private func cached<Value: Codable & Sendable>(_ key: String, make: () async throws -> Value) async throws -> Value {
        if let bytes = try? await redis.send(RedisCommand("GET", key)).bytes, let value = try? JSONDecoder().decode(Value.self, from: Data(bytes)) {
            return value
        }
        let value = try await make()
        if let data = try? JSONEncoder().encode(value) {
            var command = RedisCommand("SET", reserving: data.count + 128)
            command.append(key)
            command.append([UInt8](data))
            command.append("PX")
            command.append(Self.cached.inMilliseconds)
            _ = try? await redis.send(command)
        }
        return value
    }

    /// Free text in a key: its length first, so that no two texts give the same key.
    private static func keyPart(_ text: String?) -> String { text.map { "\($0.utf8.count).\($0)" } ?? "-" }

    private static func time(_ column: String) -> String {
        "to_char(\(column) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS \(column.drop { $0 != "." }.dropFirst())"
    }

    private static let eventColumns = """
        e.id, e.slug, e.title, e.description, t.slug AS tenant, e.tenant_id, c.slug AS category, v.name AS venue, v.city, e.min_age,
        e.max_tickets_per_user,
        \(time("e.sale_opens_at"))
        """

    private static let zoneQuery = """
        SELECT z.id, z.show_id, z.event_id, z.name, z.seating, z.price_minor, z.currency, z.capacity
        FROM seat_zones z JOIN shows s ON s.id = z.show_id JOIN events e ON e.id = z.event_id AND e.status = 'published' AND e.deleted_at IS NULL
        """

    private static func event(_ row: PostgresRow) throws -> EventSummary {
        EventSummary(
            id: try row.string("id"), slug: try row.string("slug"), title: try row.string("title"), description: try row.string("description"),
            tenant: try row.string("tenant"), tenantID: try row.string("tenant_id"), category: try row.optionalString("category"),
            venue: try row.optionalString("venue"),
            city: try row.optionalString("city"), minAge: try row.int64("min_age"), maxTicketsPerUser: try row.int64("max_tickets_per_user"),
            saleOpensAt: try row.string("sale_opens_at"))
    }

    private static func zone(_ row: PostgresRow) throws -> Zone {
        Zone(
            id: try row.string("id"), showID: try row.string("show_id"), eventID: try row.string("event_id"), name: try row.string("name"),
            seating: try row.string("seating"), priceMinor: try row.int64("price_minor"), currency: try row.string("currency"),
            capacity: try row.int64("capacity"))
    }
}

/// The seat maps this process read last, so that thousands of viewers cost Redis four reads a second.
final class SeatMapCache: Sendable {
    /// Zones kept; beyond it everything is forgotten.
    private static let limit = 1000

    private let maps = Mutex<[ZoneID: (map: [UInt8], at: ContinuousClock.Instant)]>([:])

    func map(of zone: ZoneID, maximumAge: Duration, read: () async throws(EngineError) -> [UInt8]) async throws(EngineError) -> [UInt8] {
        if let known = maps.withLock({ $0[zone] }), ContinuousClock.now - known.at < maximumAge { return known.map }
        let map = try await read()
        maps.withLock { maps in
            if maps.count >= Self.limit { maps = [:] }
            maps[zone] = (map, .now)
        }
        return map
    }
}
