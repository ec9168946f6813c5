import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Many at once for too little: nobody gets what is gone, and nothing is lost.
    @Suite struct Rush {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func lastTenPlacesGoToExactlyTenOfFiveHundred() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(500)
            let start = ContinuousClock.now
            let answers = try await atOnce(500) { try await clients[$0].reserve(zone) }
            report("500 clients for 10 places: \((ContinuousClock.now - start).inMs) ms")
            let won = answers.filter { $0.status == 202 }
            let lost = answers.filter { $0.status != 202 }
            #expect(won.count == 10)
            #expect(Set(won.compactMap { $0.json["data"]["booking_id"].string }).count == 10)
            #expect(Set(won.compactMap { $0.json["data"]["remaining"].int }) == Set(0..<10))
            #expect(lost.count == 490)
            for answer in lost { expectRefusal(answer, 409, "INSUFFICIENT_STOCK", field: "quantity") }
            #expect(try await installation.available(zone) == 0)
            try await waitUntil("PostgreSQL has the ten and the zone's counts") {
                let bookings = try await installation.psql("SELECT count(*) FROM bookings WHERE zone_id = '\(zone.id)'")
                let counts = try await installation.psql("SELECT available, held, sold FROM seat_zones WHERE id = '\(zone.id)'")
                return bookings == [["10"]] && counts == [["0", "10", "0"]]
            }
        }

        @Test func oneNamedSeatGoesToOneOfAHundred() async throws {
            let zone = try await installation.seed(EventPlan(.numbered(rows: 2, seatsPerRow: 3))).zone
            let clients = try await installation.clients(100)
            let answers = try await atOnce(100) { try await clients[$0].reserve(zone, seats: [zone.seats[4]]) }
            let won = answers.filter { $0.status == 202 }
            #expect(won.count == 1)
            #expect(won.first?.json["data"]["items"][0]["seat_id"].string == zone.seats[4])
            for answer in answers where answer.status != 202 { expectRefusal(answer, 409, "SEAT_TAKEN", field: "seat_ids") }
            #expect(answers.count { $0.status == 409 } == 99)
            #expect(try await installation.available(zone) == 5)
        }

        @Test func namedSeatsAreAllOrNothing() async throws {
            let zone = try await installation.seed(EventPlan(.numbered(rows: 1, seatsPerRow: 4))).zone
            let clients = try await installation.clients(3)
            #expect(try await clients[0].reserve(zone, seats: [zone.seats[0], zone.seats[1]]).status == 202)
            let refused = try await clients[1].reserve(zone, seats: [zone.seats[2], zone.seats[1]])
            expectRefusal(refused, 409, "SEAT_TAKEN", field: "seat_ids")
            #expect(refused.text.contains(zone.seats[1]) && !refused.text.contains(zone.seats[2]))
            #expect(try await installation.available(zone) == 2)
            // A seat map may be a quarter of a second old.
            try await waitUntil("the map shows the two that are free") {
                let map = try await installation.anonymous().get("/api/v1/zones/\(zone.id)/seats").json["data"].array ?? []
                return Dictionary(uniqueKeysWithValues: map.map { ($0["id"].string ?? "", $0["available"].bool) })
                    == [zone.seats[0]: false, zone.seats[1]: false, zone.seats[2]: true, zone.seats[3]: true]
            }
            #expect(try await clients[2].reserve(zone, seats: [zone.seats[2], zone.seats[3]]).status == 202)
            #expect(try await installation.available(zone) == 0)
        }

        @Test func overlappingSeatsNeverHaveTwoOwners() async throws {
            let zone = try await installation.seed(EventPlan(.numbered(rows: 3, seatsPerRow: 10))).zone
            let clients = try await installation.clients(150)
            let wishes = (0..<150).map { number in (0..<3).map { zone.seats[(number * 7 + $0 * 2) % 30] } }
            let answers = try await atOnce(150) { try await clients[$0].reserve(zone, seats: wishes[$0]) }
            var owners: [String: Int] = [:]
            for (number, answer) in answers.enumerated() where answer.status == 202 {
                for seat in wishes[number] { #expect(owners.updateValue(number, forKey: seat) == nil, "seat \(seat) has two owners") }
            }
            #expect(!owners.isEmpty)
            #expect(answers.allSatisfy { [202, 409].contains($0.status) })
            #expect(try await installation.available(zone) == 30 - owners.count)
        }

        @Test func fiftyTimesTheSameKeyIsOneBooking() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            let client = try await installation.client()
            let key = Client.newKey()
            let answers = try await atOnce(50) { _ in try await client.reserve(zone, quantity: 2, key: key) }
            #expect(answers.allSatisfy { $0.status == 202 })
            #expect(Set(answers.map { $0.json["data"]["booking_id"].string }).count == 1)
            #expect(Set(answers.map(\.text)).count == 1, "the first answer is given again")
            #expect(Set(answers.map { $0.header("Location") }).count == 1)
            #expect(answers.count { $0.header("Idempotency-Replayed") == "true" } == 49)
            #expect(try await installation.available(zone) == 98)
            expectRefusal(try await client.reserve(zone, quantity: 1, key: key), 422, "IDEMPOTENCY_KEY_REUSED", field: "Idempotency-Key")
            #expect(try await installation.available(zone) == 98)
            // A key belongs to its user.
            let other = try await installation.client().reserve(zone, quantity: 1, key: key)
            #expect(other.status == 202 && other.header("Idempotency-Replayed") == nil)
        }

        @Test func userLimitHoldsUnderFiftyParallelRequests() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 1000))).zone
            let client = try await installation.client()
            let answers = try await atOnce(50) { _ in try await client.reserve(zone) }
            #expect(answers.count { $0.status == 202 } == 4)
            for answer in answers where answer.status == 409 { expectRefusal(answer, 409, "MAX_PER_USER_EXCEEDED", field: "quantity") }
            for answer in answers where answer.status == 429 { expectRefusal(answer, 429, "RATE_LIMITED") }
            #expect(answers.allSatisfy { [202, 409, 429].contains($0.status) })
            #expect(answers.count { $0.status == 429 } >= 30, "the bucket holds ten tokens, and fills at one in three seconds")
            #expect(try await installation.available(zone) == 996)
        }

        @Test func saleWindowAndAgeAreKept() async throws {
            let client = try await installation.client()
            var plan = EventPlan(.general("Floor", 10))
            plan.saleOpensIn = 3600
            expectRefusal(try await client.reserve(installation.seed(plan).zone), 409, "SALE_NOT_OPEN")
            plan = EventPlan(.general("Floor", 10))
            plan.startsIn = 1800
            expectRefusal(try await client.reserve(installation.seed(plan).zone), 409, "SALE_NOT_OPEN")
            plan = EventPlan(.general("Floor", 10))
            plan.minAge = 31
            // Every user of these tests is 30.
            expectRefusal(try await client.reserve(installation.seed(plan).zone), 403, "AGE_RESTRICTED")
            plan = EventPlan(.general("Floor", 10))
            plan.minAge = 30
            #expect(try await client.reserve(installation.seed(plan).zone).status == 202)
        }
    }
}
