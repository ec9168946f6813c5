import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Public reads of the catalogue.
    @Suite struct Catalogue {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func eventIsFoundByIDBySlugAndBySearch() async throws {
            var plan = EventPlan(.general("Floor", 10))
            plan.title = "Quokka \(plan.slug.suffix(8)) revue"
            plan.minAge = 18
            let event = try await installation.seed(plan)
            let byID = try await installation.anonymous().get("/api/v1/events/\(event.id)")
            #expect(byID.status == 200)
            let data = byID.json["data"]
            #expect(data["id"].string == event.id && data["slug"].string == event.slug && data["title"].string == plan.title)
            #expect(data["min_age"].int == 18 && data["max_tickets_per_user"].int == 4)
            #expect(WallClock(data["sale_opens_at"].string) != nil)
            #expect(try await installation.anonymous().get("/api/v1/events/\(event.slug)").json["data"] == data)
            let found = try await installation.anonymous().get("/api/v1/events?search=quokka%20\(plan.slug.suffix(8))").json
            #expect(found["data"].array?.map { $0["id"].string } == [event.id] && found["meta"]["total"].int == 1)
            let nothing = try await installation.anonymous().get("/api/v1/events?search=%25\(plan.slug.suffix(8))").json
            #expect(nothing["data"].array?.isEmpty == true && nothing["meta"]["total"].int == 0)
            #expect(try await installation.anonymous().get("/api/v1/events?tenant=tests&per_page=1").json["data"].array?.count == 1)
            #expect(try await installation.anonymous().get("/api/v1/events?tenant=nobody").json["data"].array?.isEmpty == true)
        }

        @Test func availabilityIsLive() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 20), .numbered("Stalls", rows: 2, seatsPerRow: 2)))
            let shows = try await installation.anonymous().get("/api/v1/events/\(event.id)/shows")
            #expect(shows.json["data"].array?.map { $0["id"].string } == [event.show])
            #expect(WallClock(shows.json["data"][0]["starts_at"].string) != nil)
            func zones() async throws -> [JSONValue] {
                try await installation.anonymous().get("/api/v1/shows/\(event.show)/zones").json["data"].array ?? []
            }
            let before = try await zones()
            #expect(before.map { $0["name"].string } == ["Floor", "Stalls"])
            #expect(before.map { $0["seating"].string } == ["general", "numbered"])
            #expect(before.map { $0["available"].int } == [20, 4] && before.map { $0["capacity"].int } == [20, 4])
            #expect(before.allSatisfy { $0["price_minor"].int == 150_000 && $0["currency"].string == "THB" })
            let client = try await installation.client()
            _ = try await client.hold(event.zones[0], quantity: 3)
            #expect(try await zones().map { $0["available"].int } == [17, 4])
            #expect(try await client.reserve(event.zones[1], seats: [event.zones[1].seats[2]]).status == 202)
            #expect(try await zones().map { $0["available"].int } == [17, 3])
            try await waitUntil("the seat map shows the taken seat", limit: .seconds(5)) {
                let seats = try await installation.anonymous().get("/api/v1/zones/\(event.zones[1].id)/seats").json["data"].array ?? []
                #expect(seats.map { $0["id"].string } == event.zones[1].seats)
                #expect(seats.map { "\($0["row"].string ?? "")\($0["number"].string ?? "")" } == ["A1", "A2", "B1", "B2"])
                return seats.map { $0["available"].bool } == [true, true, false, true]
            }
            #expect(try await installation.anonymous().get("/api/v1/zones/\(event.zones[0].id)/seats").json["data"].array?.isEmpty == true)
        }

        @Test(arguments: [
            "/api/v1/events/no-such-event", "/api/v1/events/01890000-0000-7000-8000-000000000000",
            "/api/v1/events/01890000-0000-7000-8000-000000000000/shows", "/api/v1/shows/01890000-0000-7000-8000-000000000000/zones",
            "/api/v1/zones/01890000-0000-7000-8000-000000000000/seats",
        ])
        func whatIsNotThereIs404(path: String) async throws {
            expectRefusal(try await installation.anonymous().get(path), 404, "NOT_FOUND", field: "id", path)
        }

        @Test(arguments: ["page=0", "per_page=1000"])
        func pageThatMakesNoSenseIs400(query: String) async throws {
            expectRefusal(
                try await installation.anonymous().get("/api/v1/events?\(query)"), 400, "VALIDATION_ERROR",
                field: String(query.prefix { $0 != "=" }), query)
        }

        @Test func seedPrintsIDsUnderTheNamesOfTheAPI() async throws {
            let printed = try await installation.rushctl("seed", "--json")
            for name in ["event_id", "show_id", "zone_id", "seat_ids"] { #expect(printed.contains("\"\(name)\""), "\(name)") }
        }

        @Test func seedingTwiceResetsNothing() async throws {
            let plan = EventPlan(.general("Floor", 20))
            let zone = try await installation.seed(plan).zone
            _ = try await installation.client().hold(zone, quantity: 2)
            #expect(try await installation.seed(plan).zone.id == zone.id)
            #expect(try await installation.available(zone) == 18)
        }
    }
}
