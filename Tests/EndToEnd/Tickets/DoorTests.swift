import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The door: every ticket lets one person in, once, whatever happens meanwhile.
    @Suite struct Door {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private func used(_ booking: String) async throws -> String? {
            try await installation.psql("SELECT used->0->>'place' FROM bookings WHERE id = '\(booking)'").first?.first
        }

        @Test func aTicketLetsOneInOnce() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            let organizer = try await installation.staff()
            let (booking, _) = try await client.buy(event.zone, quantity: 2)
            let codes = try await client.codes(booking)
            let before = try await client.booking(booking)

            let key = Client.newKey()
            let first = try await organizer.verify(codes[0], show: event.show, key: key)
            let data = first.json["data"]
            #expect(first.status == 200, "\(first.text)")
            #expect(
                data["booking_id"].string == booking && data["number"].int == 1 && data["event"].string == "A test" && data["zone"].string == "Floor")
            let at = try #require(data["used_at"].string)
            // The same key gets the first answer; any other the truth.
            let again = try await organizer.verify(codes[0], show: event.show, key: key)
            #expect(again.status == 200 && again.json["data"] == data && again.header("Idempotency-Replayed") == "true")
            let second = try await organizer.verify(codes[0])
            expectRefusal(second, 409, "INVALID_STATE", field: "code")
            #expect(second.text.contains(at))
            expectRefusal(try await organizer.verify(codes[1], show: event.show, key: key), 422, "IDEMPOTENCY_KEY_REUSED", field: "Idempotency-Key")
            // Small letters, and another doorkeeper.
            let admin = try await installation.staff("admin")
            #expect(try await admin.verify(codes[1].lowercased(), key: nil).status == 200)
            expectRefusal(try await admin.verify(codes[1], key: nil), 409, "INVALID_STATE", field: "code")

            // The booking says so, under a new version.
            let tickets = try await client.ticket(booking).json["data"]["tickets"].array ?? []
            #expect(tickets.first?["used_at"].string == at && tickets.allSatisfy { $0["used_at"].string != nil })
            let after = try await client.booking(booking)
            #expect(after.header("ETag") != before.header("ETag") && after.json["data"]["status"].string == "confirmed")
            try await waitUntil("PostgreSQL knows", limit: .seconds(20)) { try await used(booking) == "0" }
            let verdict = try await installation.checkInventory()
            #expect(verdict.holds, "\(verdict.report)")
        }

        @Test func ofManyDoorsOneLetsIn() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let (booking, _) = try await client.buy(zone)
            let code = try await client.codes(booking)[0]
            let doors = try await atOnce(4) { _ in try await installation.staff() }
            let answers = try await atOnce(40) { try await doors[$0 % 4].verify(code).status }
            #expect(answers.count { $0 == 200 } == 1 && answers.count { $0 == 409 } == 39, "\(answers)")
        }

        @Test func whatIsNoTicketForThisDoorIsRefusedAndStaysUnused() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let other = try await installation.seed(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            let (booking, _) = try await client.buy(event.zone)
            let code = try await client.codes(booking)[0]
            let organizer = try await installation.staff()

            expectRefusal(try await client.verify(code), 403, "FORBIDDEN")
            let probe = try installation.anonymous()
            expectRefusal(try await probe.post("/api/v1/tickets/verify", json: #"{"code":"\#(code)"}"#), 401, "UNAUTHORIZED")
            let foreign = try await installation.staff(tenant: "01890000-0000-7000-8000-000000000000")
            expectRefusal(try await foreign.verify(code), 404, "NOT_FOUND", field: "code")
            expectRefusal(try await organizer.verify(code, show: other.show), 409, "INVALID_STATE", field: "code")
            // Forged: another booking, another place, a signature that ends otherwise.
            let (second, _) = try await client.buy(event.zone)
            let mixed = try await client.codes(second)[0].prefix(40) + code.dropFirst(40)
            for forged in [String(mixed), String(code.dropLast(8)) + "AAAAAAAI", "BR1" + String(repeating: "A", count: 104), "hello", ""] {
                expectRefusal(try await organizer.verify(forged), 400, "VALIDATION_ERROR", field: "code", "\(forged)")
            }
            for (json, field) in [
                ("{}", "code"), (#"{"code":1}"#, "code"), (#"{"code":"a","show_id":"b"}"#, "show_id"), (#"{"codes":"a"}"#, "codes"),
            ] {
                expectRefusal(try await organizer.verify(json: json), 400, "VALIDATION_ERROR", field: field, json)
            }
            #expect(try await organizer.verify(code).status == 200)
        }

        @Test func aUsedTicketIsNotPaidBackAndAPaidBackOneNotUsed() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let organizer = try await installation.staff()
            func refund(_ payment: String) async throws -> HTTPAnswer {
                try await client.probe.post("/api/v1/payments/\(payment)/refund", headers: [("Idempotency-Key", Client.newKey())])
            }
            func approve(_ refund: String) async throws -> HTTPAnswer {
                try await organizer.probe.post("/api/v1/refunds/\(refund)/approve", headers: [("Idempotency-Key", Client.newKey())])
            }
            func requested(_ refund: String) async throws {
                try await waitUntil("the refund waits for the organiser", limit: .seconds(30), pause: .milliseconds(700)) {
                    try await client.probe.get("/api/v1/refunds/\(refund)").json["data"]["status"].string == "requested"
                }
            }
            let (used, payment) = try await client.buy(zone)
            let code = try await client.codes(used)[0]
            // Asked back before, used after: the organiser sees it when deciding.
            let early = try #require(try Client.Accepted(await refund(payment)).refund)
            try await requested(early)
            #expect(try await organizer.verify(code).status == 200)
            expectRefusal(try await approve(early), 409, "INVALID_STATE", field: "id")
            #expect(try await organizer.probe.post("/api/v1/refunds/\(early)/reject", headers: [("Idempotency-Key", Client.newKey())]).status == 202)
            expectRefusal(try await refund(payment), 409, "INVALID_STATE", field: "id")

            let (returned, second) = try await client.buy(zone)
            let gone = try await client.codes(returned)[0]
            let id = try #require(try Client.Accepted(await refund(second)).refund)
            try await requested(id)
            #expect(try await approve(id).status == 202)
            try await client.booking(returned, becomes: "is refunded") { $0["status"].string == "refunded" }
            let refused = try await organizer.verify(gone)
            expectRefusal(refused, 409, "INVALID_STATE", field: "code")
            #expect(refused.text.contains("refunded"))
            expectRefusal(try await client.ticket(returned), 409, "INVALID_STATE", field: "id")
        }

        @Test func whoHasBeenInHasBeenInAlsoAfterALossOfRedis() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            let organizer = try await installation.staff()
            let (booking, _) = try await client.buy(event.zone, quantity: 2)
            let codes = try await client.codes(booking)
            let key = Client.newKey()
            let first = try await organizer.verify(codes[0], key: key)
            #expect(first.status == 200)
            try await waitUntil("PostgreSQL knows", limit: .seconds(20)) { try await used(booking) == "0" }
            try await installation.stack.kill(.redis)
            try await installation.stack.eraseData(of: .redis)
            try await installation.stack.restart(.redis)
            var answer = first
            try await waitUntil("tickets are looked at again", limit: .seconds(60), pause: .milliseconds(500)) {
                answer = try await organizer.verify(codes[0])
                return answer.status != 503
            }
            expectRefusal(answer, 409, "INVALID_STATE", field: "code")
            // Who never got the first answer gets it now.
            let replayed = try await organizer.verify(codes[0], key: key)
            #expect(replayed.status == 200 && replayed.json["data"]["used_at"].string == first.json["data"]["used_at"].string)
            #expect(try await client.codes(booking) == codes)
            #expect(try await organizer.verify(codes[1]).status == 200)
            let verdict = try await installation.checkInventory()
            #expect(verdict.holds, "\(verdict.report)")
        }
    }
}
