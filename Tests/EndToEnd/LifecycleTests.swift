import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// A booking's ends: by its user, and by time.
    @Suite struct Lifecycle {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func expiryGivesSeatsAndAllowanceBack() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 4), .numbered("Stalls", rows: 1, seatsPerRow: 2)))
            let short = try await installation.ingress(holdSeconds: 2)
            let user = try await installation.users(1)[0]
            let client = Client(user: user, probe: short)
            let places = try await client.hold(event.zones[0], quantity: 2)
            let seats = try Client.Held(await client.reserve(event.zones[1], seats: event.zones[1].seats))
            #expect(try await installation.available(event.zones[0]) == 2)
            expectRefusal(try await client.reserve(event.zones[0]), 409, "MAX_PER_USER_EXCEEDED")
            for held in [places, seats] {
                #expect(try await client.ending(of: held.id) == "expired")
                let booking = try await client.booking(held.id, becomes: "is read as expired") { $0["status"].string == "expired" }
                let changed = try #require(WallClock(booking["updated_at"].string))
                #expect(changed >= held.expiresAt, "it ended before its time")
                report("a hold was released \(changed.ms - held.expiresAt.ms) ms after it was due")
            }
            #expect(try await installation.available(event.zones[0]) == 4)
            #expect(try await installation.available(event.zones[1]) == 2)
            expectRefusal(try await client.cancel(places.id), 409, "INVALID_STATE", field: "id")
            // All four again, the seats too.
            #expect(try await client.reserve(event.zones[1], seats: event.zones[1].seats).status == 202)
            let again = try await client.hold(event.zones[0], quantity: 2)
            #expect(try await client.ending(of: again.id) == "expired")
            try await waitUntil("the seats are free again") { try await installation.available(event.zones[1]) == 2 }
        }

        @Test func cancelAndExpiryAtTheSameMomentAreDecidedOnce() async throws {
            let count = 40
            let zone = try await installation.seed(EventPlan(.general("Floor", count * 2))).zone
            let clients = try await installation.clients(count)
            let short = try await installation.ingress(holdSeconds: 2)
            let held = try await atOnce(count) { try await Client(user: clients[$0].user, probe: short).hold(zone, quantity: 2) }
            // From 250 ms before the end of the hold to 250 ms after it: the command takes its way, and the clock ticks five times a second.
            let cancels = try await atOnce(count) { number in
                try await reach(held[number].expiresAt.advanced(byMs: Int64(number * 500 / count - 250)))
                return try await clients[number].cancel(held[number].id)
            }
            var ends: [String: Int] = [:]
            for number in 0..<count {
                let status = try await clients[number].ending(of: held[number].id)
                ends[status, default: 0] += 1
                #expect(["cancelled", "expired"].contains(status))
                if cancels[number].status == 202 {
                    let operation = try #require(cancels[number].json["data"]["operation_id"].string)
                    let ended = try await clients[number].operation(operation, etag: "\"1\"", wait: 20).json["data"]
                    #expect(ended["status"].string == (status == "cancelled" ? "succeeded" : "failed"))
                    if status == "expired" { #expect(ended["error"]["code"].string == "INVALID_STATE") }
                } else {
                    expectRefusal(cancels[number], 409, "INVALID_STATE", field: "id")
                    #expect(status == "expired")
                }
            }
            report("cancel against expiry: \(ends)")
            #expect(try await installation.available(zone) == count * 2, "seats came back exactly once")
            try await waitUntil("every row has ended at its second version") {
                try await installation.psql(
                    "SELECT count(*), min(version % 1000000), max(version % 1000000) FROM bookings WHERE zone_id = '\(zone.id)' AND status IN ('cancelled', 'expired')"
                )
                    == [["\(count)", "2", "2"]]
            }
            // The allowance came back once too: four fit, a fifth does not.
            #expect(try await clients[0].reserve(zone, quantity: 4).status == 202)
            expectRefusal(try await clients[0].reserve(zone, quantity: 1), 409, "MAX_PER_USER_EXCEEDED")
        }

        @Test func cancelIsIdempotentAndOnlyForReservedBookings() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone, quantity: 3)
            let key = Client.newKey()
            let answers = try await atOnce(10) { _ in try await client.cancel(held.id, key: key) }
            #expect(answers.allSatisfy { $0.status == 202 })
            #expect(Set(answers.map { $0.json["data"]["operation_id"].string }).count == 1)
            #expect(answers.count { $0.header("Idempotency-Replayed") == "true" } == 9)
            #expect(try await client.ending(of: held.id) == "cancelled")
            #expect(try await installation.available(zone) == 10)
            // The first answer stays the answer; another request meets the state that is there now.
            let replayed = try await client.cancel(held.id, key: key)
            #expect(replayed.status == 202 && replayed.json["data"]["operation_id"] == answers[0].json["data"]["operation_id"])
            expectRefusal(try await client.cancel(held.id), 409, "INVALID_STATE", field: "id")
            #expect(try await installation.available(zone) == 10)
            // A key belongs to the booking that it was used for; and none is needed.
            let second = try await client.hold(zone)
            #expect(try await client.cancel(second.id, key: key).header("Idempotency-Replayed") == nil)
            #expect(try await client.ending(of: second.id) == "cancelled")
            let third = try await client.hold(zone)
            #expect(try await client.cancel(third.id, key: nil).status == 202)
            #expect(try await client.ending(of: third.id) == "cancelled")
        }

        @Test func anotherUsersBookingIs404() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let held = try await clients[0].hold(zone)
            expectRefusal(try await clients[1].booking(held.id), 404, "NOT_FOUND")
            expectRefusal(try await clients[1].booking(held.id, etag: held.etag, wait: 5), 404, "NOT_FOUND")
            expectRefusal(try await clients[1].cancel(held.id), 404, "NOT_FOUND")
            #expect(try await clients[0].booking(held.id).json["data"]["status"].string == "reserved")
            // Projected, it is no more of others.
            try await waitUntil("the booking is projected") {
                try await installation.psql("SELECT 1 FROM bookings WHERE id = '\(held.id)'") == [["1"]]
            }
            expectRefusal(try await clients[1].booking(held.id), 404, "NOT_FOUND")
            #expect(try await clients[1].probe.get("/api/v1/bookings").json["data"].array?.isEmpty == true)
        }

        @Test func bookingLooksTheSameFromRedisAndFromPostgres() async throws {
            let zone = try await installation.seed(EventPlan(.numbered(rows: 2, seatsPerRow: 5))).zone
            let client = try await installation.client()
            let answer = try await client.reserve(zone, seats: [zone.seats[3], zone.seats[1]])
            let held = try Client.Held(answer)
            let data = answer.json["data"]
            #expect(answer.header("Location") == "/api/v1/bookings/\(held.id)")
            #expect(answer.header("Retry-After").flatMap { Int($0) } != nil)
            #expect(
                data["status"].string == "reserved" && answer.header("ETag") == data["version"].int.map { "\"\($0)\"" } && data["remaining"].int == 8)
            #expect(data["total_minor"].int == 300_000 && data["currency"].string == "THB")
            #expect(data["items"].array?.compactMap { $0["seat_id"].string } == [zone.seats[3], zone.seats[1]])
            let left = held.expiresAt.ms - WallClock.now.ms
            #expect(left > 590_000 && left <= 600_000)

            let live = try await client.booking(held.id)
            #expect(live.status == 200 && live.header("ETag") == held.etag)
            let booking = live.json["data"]
            for field in ["booking_id", "status", "version", "expires_at", "items", "total_minor", "currency"] {
                #expect(booking[field] == data[field], "\(field)")
            }
            #expect(booking["event_id"].string == zone.event && booking["show_id"].string == zone.show && booking["quantity"].int == 2)
            try await waitUntil("the list shows it as projected") {
                let row = try await client.probe.get("/api/v1/bookings").json["data"][0]
                guard row["projected"].bool == true else { return false }
                var fields = try #require(row.object)
                fields["projected"] = nil
                #expect(fields == booking.object)
                return true
            }
        }
    }
}
