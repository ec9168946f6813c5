import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// A user's bookings.
    @Suite struct Lists {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func bookingIsInTheListsFromItsAnswerOn() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            for client in try await installation.clients(10) {
                let held = try await client.hold(zone)
                for path in ["/api/v1/bookings", "/api/v1/bookings/pending"] {
                    let list = try await client.probe.get(path)
                    #expect(list.status == 200)
                    #expect(list.json["data"].array?.map { $0["booking_id"].string } == [held.id])
                    #expect(list.json["data"][0]["projected"].bool != nil)
                    #expect(list.json["meta"]["total"].int == 1)
                }
            }
        }

        @Test func listHoldsTheBookingOnceWhileItIsProjected() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            let clients = try await installation.clients(30)
            let took = try await atOnce(clients.count) { number -> Duration in
                let client = clients[number]
                let held = try await client.hold(zone)
                let start = ContinuousClock.now
                // A bucket of reads holds twenty tokens.
                for _ in 0..<18 {
                    let list = try await client.probe.get("/api/v1/bookings").json
                    #expect(list["data"].array?.map { $0["booking_id"].string } == [held.id])
                    #expect(list["meta"]["total"].int == 1)
                    if list["data"][0]["projected"].bool == true { return ContinuousClock.now - start }
                    try await Task.sleep(for: .milliseconds(20))
                }
                return .seconds(60)
            }
            let projected = took.filter { $0 < .seconds(60) }.sorted()
            report("from the 202 to the projection: slowest \(projected.last?.inMs ?? 0) ms, with a window of 200 ms; \(projected.count) of 30 seen")
        }

        @Test func projectedTurnsTrue() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            try await waitUntil("the booking is projected", limit: .seconds(10), pause: .milliseconds(500)) {
                let row = try await client.probe.get("/api/v1/bookings").json["data"][0]
                #expect(row["booking_id"].string == held.id)
                return row["projected"].bool == true
            }
        }

        @Test func pendingHoldsOnlyWhatIsReserved() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            let client = try await installation.client()
            let kept = try await client.hold(zone)
            let given = try await client.hold(zone)
            #expect(try await client.cancel(given.id).status == 202)
            #expect(try await client.ending(of: given.id) == "cancelled")
            let pending = try await client.probe.get("/api/v1/bookings/pending")
            #expect(pending.json["data"].array?.map { $0["booking_id"].string } == [kept.id])
            let list = try await client.probe.get("/api/v1/bookings").json["data"].array ?? []
            let statuses = list.map { [$0["booking_id"].string, $0["status"].string] }
            #expect(statuses == [[given.id, "cancelled"], [kept.id, "reserved"]])
            try await waitUntil("the projection says the same") {
                let pending = try await client.probe.get("/api/v1/bookings/pending").json
                return pending["data"].array?.map { $0["booking_id"].string } == [kept.id] && pending["meta"]["total"].int == 1
                    && pending["data"][0]["projected"].bool == true
            }
        }

        @Test func pagesHoldEachBookingOnceNewestFirst() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            let other = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            let client = try await installation.client()
            var ids: [String] = []
            for zone in [zone, other, zone, other, zone, other, zone] { ids.append(try await client.hold(zone).id) }
            // From the first moment, when only Redis has some of them, and when all are projected.
            for isProjected in [false, true] {
                if isProjected {
                    try await waitUntil("all are projected") {
                        try await installation.psql("SELECT count(*) FROM bookings WHERE user_id = '\(client.user.id)'") == [["7"]]
                    }
                }
                var seen: [String] = []
                for page in 1...4 {
                    let answer = try await client.probe.get("/api/v1/bookings?page=\(page)&per_page=2")
                    #expect(answer.status == 200)
                    let rows = (answer.json["data"].array ?? []).compactMap { $0["booking_id"].string }
                    #expect(rows.count == (page < 4 ? 2 : 1))
                    #expect(answer.json["meta"] == .object(["page": .int(page), "per_page": .int(2), "total": .int(7)]))
                    seen += rows
                }
                // Ids grow with time; two of the same millisecond may stand either way.
                #expect(seen == ids.sorted(by: >), "projected: \(isProjected)")
            }
            #expect(try await client.probe.get("/api/v1/bookings?page=9").json["data"].array?.isEmpty == true)
        }

        @Test(arguments: ["page=0", "page=-1", "page=x", "page=99999999999999999999", "per_page=0", "per_page=101", "per_page="])
        func pageThatMakesNoSenseIs400(query: String) async throws {
            let answer = try await installation.client().probe.get("/api/v1/bookings?\(query)")
            expectRefusal(answer, 400, "VALIDATION_ERROR", field: String(query.prefix { $0 != "=" }), query)
        }
    }
}
