import BookingEngine
import Domain
import PersonalData
import PostgresClient
import RedisClient

/// Loads a catalogue into PostgreSQL, and its stock into Redis.
struct Seeder: Sendable {
    /// What was loaded, with the ids by which the API knows it.
    struct Report: Codable, Sendable {
        struct Event: Codable, Sendable {
            var eventID: String
            var slug: String
            var shows: [Show]
        }
        struct Show: Codable, Sendable {
            var showID: String
            var zones: [Zone]
        }
        struct Zone: Codable, Sendable {
            var zoneID: String
            var name: String
            var capacity: Int64
            var available: Int64
            var seatIds: [String]
        }
        var events: [Event]
    }

    let database: PostgresClient
    let engine: BookingEngine
    /// What people are sealed with; only needed for a file that has some.
    var keys: PersonalDataKeys?

    /// Loads everything; what is there already keeps its times and its stock.
    func load(_ file: SeedFile) async throws -> Report {
        try await write(file)
        var report = Report(events: [])
        for event in file.events { report.events.append(try await loadStock(event, SeedFile.id("tenant", file.tenant.slug))) }
        return report
    }

    /// Writes the rows alone.
    func write(_ file: SeedFile) async throws {
        let tenant: TenantID = SeedFile.id("tenant", file.tenant.slug)
        try await database.transaction { connection in
            _ = try connection.query(
                "INSERT INTO tenants (id, slug, name) VALUES ($1::uuid, $2, $3) ON CONFLICT DO NOTHING",
                [.text(tenant.description), .text(file.tenant.slug), .text(file.tenant.name)])
            if let category = file.category {
                _ = try connection.query(
                    "INSERT INTO categories (id, tenant_id, slug, name) VALUES ($1::uuid, $2::uuid, $3, $4) ON CONFLICT DO NOTHING",
                    [.text(Self.category(category)), .text(tenant.description), .text(category.slug), .text(category.name)])
            }
            if let venue = file.venue {
                _ = try connection.query(
                    "INSERT INTO venues (id, tenant_id, name, city, country, time_zone) VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                    [
                        .text(Self.venue(venue, tenant)), .text(tenant.description), .text(venue.name), .text(venue.city), .text(venue.country),
                        .text(venue.timeZone),
                    ])
            }
            for event in file.events { try Self.insert(event, file, tenant, connection) }
        }
        if let people = file.people, !people.isEmpty {
            guard let keys else { throw SeedError("PII_KEY must be set: the file has people") }
            for person in people { _ = try await People(database: database, keys: keys).ensure(person) }
        }
    }

    private static func category(_ category: SeedFile.Named) -> String { (SeedFile.id("category", category.slug) as EventID).description }

    private static func venue(_ venue: SeedFile.Venue, _ tenant: TenantID) -> String {
        (SeedFile.id("venue", tenant.description, venue.name) as EventID).description
    }

    private static func insert(_ event: SeedFile.Event, _ file: SeedFile, _ tenant: TenantID, _ connection: PostgresConnection) throws {
        let eventID: EventID = SeedFile.id("event", event.slug)
        _ = try connection.query(
            """
            INSERT INTO events (id, tenant_id, category_id, venue_id, slug, title, description, status, min_age, max_tickets_per_user,
                                allows_bank_transfer, sale_opens_at)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5, $6, $7, 'published', $8::int, $9::int, $10::boolean,
                    now() + make_interval(secs => $11::double precision))
            ON CONFLICT DO NOTHING
            """,
            [
                .text(eventID.description), .text(tenant.description), file.category.map { .text(category($0)) } ?? .null,
                file.venue.map { .text(venue($0, tenant)) } ?? .null, .text(event.slug), .text(event.title), .text(event.description ?? ""),
                .int(Int64(event.minAge ?? 0)), .int(Int64(event.maxTicketsPerUser ?? 4)), .bool(event.allowsBankTransfer ?? false),
                .text(String(event.saleOpensIn ?? -3600)),
            ])
        for (index, show) in event.shows.enumerated() {
            let showID: ShowID = SeedFile.id("show", event.slug, String(index))
            _ = try connection.query(
                """
                INSERT INTO shows (id, tenant_id, event_id, starts_at, ends_at, sale_closes_at)
                SELECT $1::uuid, $2::uuid, $3::uuid, start, start + interval '3 hours', start - interval '1 hour'
                FROM (SELECT date_trunc('second', now()) + make_interval(secs => $4::double precision) AS start) AS times
                ON CONFLICT DO NOTHING
                """,
                [.text(showID.description), .text(tenant.description), .text(eventID.description), .text(String(show.startsIn ?? 60 * 86_400))])
            for zone in show.zones { try insert(zone, event, eventID, index, showID, tenant, connection) }
        }
    }

    private static func insert(
        _ zone: SeedFile.Zone, _ event: SeedFile.Event, _ eventID: EventID, _ showIndex: Int, _ showID: ShowID, _ tenant: TenantID,
        _ connection: PostgresConnection
    ) throws {
        let zoneID: ZoneID = SeedFile.id("zone", event.slug, String(showIndex), zone.name)
        let capacity = zone.capacity ?? (zone.rows ?? 0) * (zone.seatsPerRow ?? 0)
        _ = try connection.query(
            """
            INSERT INTO seat_zones (id, tenant_id, event_id, show_id, name, price_minor, currency, seating, capacity, available)
            VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5, $6::bigint, $7, $8, $9::bigint, $9::bigint) ON CONFLICT DO NOTHING
            """,
            [
                .text(zoneID.description), .text(tenant.description), .text(eventID.description), .text(showID.description), .text(zone.name),
                .int(Int64(zone.priceMinor)), .text(zone.currency ?? "THB"), .text(zone.rows == nil ? "general" : "numbered"), .int(Int64(capacity)),
            ])
        guard let rows = zone.rows, let perRow = zone.seatsPerRow else { return }
        var ids: [String] = []
        var labels: [String] = []
        var numbers: [String] = []
        for row in 0..<rows {
            for seat in 1...perRow {
                let label = Self.rowLabel(row)
                ids.append((SeedFile.id("seat", zoneID.description, label, String(seat)) as SeatID).description)
                labels.append(label)
                numbers.append(String(seat))
            }
        }
        _ = try connection.query(
            """
            INSERT INTO seats (id, tenant_id, zone_id, position, section, row_label, number)
            SELECT s.id, $1::uuid, $2::uuid, s.place - 1, $3, s.label, s.number
            FROM unnest($4::uuid[], $5::text[], $6::text[]) WITH ORDINALITY AS s (id, label, number, place) ON CONFLICT DO NOTHING
            """,
            [.text(tenant.description), .text(zoneID.description), .text(zone.name), .textArray(ids), .textArray(labels), .textArray(numbers)])
    }

    /// A, B … Z, AA, AB …
    private static func rowLabel(_ index: Int) -> String {
        let letter = String(UnicodeScalar(UInt8(65 + index % 26)))
        return index < 26 ? letter : rowLabel(index / 26 - 1) + letter
    }

    /// Loads what PostgreSQL says of an event's zones into Redis.
    private func loadStock(_ event: SeedFile.Event, _ tenant: TenantID) async throws -> Report.Event {
        let eventID: EventID = SeedFile.id("event", event.slug)
        let zones = try await database.query(
            """
            SELECT z.id, z.show_id, z.name, z.capacity, z.price_minor, z.currency, e.max_tickets_per_user, e.min_age, e.allows_bank_transfer,
                   (extract(epoch FROM e.sale_opens_at) * 1000)::bigint AS opens, (extract(epoch FROM CASE WHEN e.status = 'cancelled' THEN least(s.sale_closes_at, now()) ELSE s.sale_closes_at END) * 1000)::bigint
                       AS closes, (extract(epoch FROM s.ends_at) * 1000)::bigint AS ends
            FROM seat_zones z JOIN shows s ON s.id = z.show_id JOIN events e ON e.id = z.event_id
            WHERE z.event_id = $1::uuid ORDER BY s.starts_at, s.id, z.name
            """, [.text(eventID.description)])
        var report = Report.Event(eventID: eventID.description, slug: event.slug, shows: [])
        for row in zones {
            guard let zoneID = ZoneID(try row.string("id")), let showID = ShowID(try row.string("show_id")) else { continue }
            let seats = try await database.query("SELECT id FROM seats WHERE zone_id = $1::uuid ORDER BY position", [.text(zoneID.description)])
            var seatIDs: [SeatID] = []
            for seat in seats { if let id = SeatID(try seat.string("id")) { seatIDs.append(id) } }
            let settings = ZoneSettings(
                zone: zoneID, event: eventID, show: showID, tenant: tenant, capacity: try row.int64("capacity"),
                priceMinor: try row.int64("price_minor"), currency: try row.string("currency"), maximumPerUser: try row.int64("max_tickets_per_user"),
                saleOpens: Timestamp(ms: try row.int64("opens")), saleCloses: Timestamp(ms: try row.int64("closes")),
                showEnds: Timestamp(ms: try row.int64("ends")), minimumAge: try row.int64("min_age"),
                allowsBankTransfer: try row.bool("allows_bank_transfer"), seats: seatIDs)
            guard case .set(let available) = try await engine.setZone(settings) else {
                throw SeedError("the stock of zone \(zoneID) in Redis does not fit the catalogue")
            }
            if report.shows.last?.showID != showID.description { report.shows.append(.init(showID: showID.description, zones: [])) }
            report.shows[report.shows.count - 1].zones.append(
                .init(
                    zoneID: zoneID.description, name: try row.string("name"), capacity: settings.capacity, available: available,
                    seatIds: seatIDs.map(\.description)))
        }
        return report
    }
}
