import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Money back: by request of the buyer and decision of the organiser, or because the event is cancelled.
    @Suite struct Refunds {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private func ask(_ client: Client, _ payment: String, key: String = Client.newKey(), _ body: String = "") async throws
            -> HTTPAnswer
        {
            try await client.probe.post("/api/v1/payments/\(payment)/refund", json: body, headers: [("Idempotency-Key", key)])
        }

        private func decide(_ client: Client, _ refund: String, _ decision: String, key: String = Client.newKey()) async throws -> HTTPAnswer {
            try await client.probe.post("/api/v1/refunds/\(refund)/\(decision)", headers: [("Idempotency-Key", key)])
        }

        /// Long-polls until a refund has a status; returns its body.
        @discardableResult
        private func refund(_ id: String, of client: Client, becomes status: String) async throws -> JSONValue {
            var data = JSONValue.null
            var etag: String?
            try await waitUntil("refund \(id) is \(status)", limit: .seconds(60), pause: .milliseconds(700)) {
                let known = etag.map { [("If-None-Match", $0), ("Prefer", "wait=20")] } ?? []
                let answer = try await client.probe.get("/api/v1/refunds/\(id)", headers: known)
                if answer.status == 304 { return false }
                data = answer.json["data"]
                etag = answer.header("ETag")
                return data["status"].string == status
            }
            return data
        }

        @Test func refundIsAskedForDecidedAndPaid() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let client = clients[0]
            let (organizer, admin) = (try await installation.staff(), try await installation.staff("admin"))
            let foreign = try await installation.staff(tenant: "01890000-0000-7000-8000-000000000000")
            let (booking, payment) = try await client.buy(zone, quantity: 2)
            expectRefusal(try await ask(clients[1], payment), 404, "NOT_FOUND", field: "id")
            for (body, field) in [("[]", "body"), (#"{"amount_minor":1}"#, "amount_minor"), (#"{"reason":1}"#, "reason")] {
                expectRefusal(try await ask(client, payment, body), 400, "VALIDATION_ERROR", field: field)
            }
            let key = Client.newKey()
            let asked = try await ask(client, payment, key: key)
            let accepted = try Client.Accepted(asked)
            let id = try #require(accepted.refund)
            #expect(accepted.resource == "/api/v1/refunds/\(id)" && asked.header("Location") == "/api/v1/operations/\(accepted.operation)")
            let again = try await ask(client, payment, key: key)
            #expect(again.json["data"] == asked.json["data"] && again.header("Idempotency-Replayed") == "true")
            expectRefusal(try await ask(client, payment, key: key, "{}"), 422, "IDEMPOTENCY_KEY_REUSED", field: "Idempotency-Key")

            let requested = try await refund(id, of: client, becomes: "requested")
            #expect(requested["percent"].int == 100 && requested["amount_minor"].int == 300_000 && requested["currency"].string == "THB")
            #expect(
                requested["payment_id"].string == payment && requested["booking_id"].string == booking && requested["cause"].string == "requested")
            // Who may see it.
            for reader in [client, organizer, admin] { #expect(try await reader.probe.get("/api/v1/refunds/\(id)").status == 200) }
            for stranger in [clients[1], foreign] {
                expectRefusal(try await stranger.probe.get("/api/v1/refunds/\(id)"), 404, "NOT_FOUND", field: "id")
                #expect(try await stranger.probe.get("/api/v1/refunds").json["data"].array?.isEmpty == true)
            }
            let own = try await client.probe.get("/api/v1/refunds?status=requested")
            #expect(own.json["data"].array?.map { $0["refund_id"].string } == [id] && own.json["meta"]["total"].int == 1)
            #expect(try await client.probe.get("/api/v1/refunds?status=succeeded").json["meta"]["total"].int == 0)
            let all = try await organizer.probe.get("/api/v1/refunds?status=requested&per_page=100").json["data"].array ?? []
            #expect(all.contains { $0["refund_id"].string == id })
            // Who may decide it.
            for decision in ["approve", "reject"] {
                expectRefusal(try await decide(client, id, decision), 403, "FORBIDDEN")
                expectRefusal(try await decide(foreign, id, decision), 404, "NOT_FOUND", field: "id")
            }
            let decisionKey = Client.newKey()
            let decided = try await decide(organizer, id, "approve", key: decisionKey)
            #expect(try Client.Accepted(decided).resource == "/api/v1/refunds/\(id)")
            let outcome = try await organizer.outcome(of: Client.Accepted(decided).operation)
            #expect(outcome["status"].string == "succeeded", "\(outcome)")
            try await refund(id, of: client, becomes: "succeeded")
            try await client.booking(booking, becomes: "is refunded") { $0["status"].string == "refunded" }
            let paid = try await client.payment(payment, becomes: "refunded")
            #expect(paid["refunded_minor"].int == 300_000)
            #expect(try await installation.available(zone) == 10)
            // First answers stay, although the state is another now.
            let replayed = try await decide(organizer, id, "approve", key: decisionKey)
            #expect(replayed.json["data"] == decided.json["data"] && replayed.header("Idempotency-Replayed") == "true")
            #expect(try await ask(client, payment, key: key).json["data"] == asked.json["data"])
            expectRefusal(try await decide(organizer, id, "reject"), 409, "INVALID_STATE", field: "id")
            expectRefusal(try await ask(client, payment), 409, "INVALID_STATE", field: "id")
        }

        @Test func rejectedRefundLeavesTheBookingAsItIs() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let admin = try await installation.staff("admin")
            let (booking, payment) = try await client.buy(zone)
            let id = try #require(try Client.Accepted(await ask(client, payment)).refund)
            try await refund(id, of: client, becomes: "requested")
            let decided = try Client.Accepted(await decide(admin, id, "reject"))
            #expect(try await admin.outcome(of: decided.operation)["status"].string == "succeeded")
            try await refund(id, of: client, becomes: "rejected")
            #expect(try await client.booking(booking).json["data"]["status"].string == "confirmed")
            #expect(try await client.payment(payment).json["data"]["refunded_minor"].int == 0)
            // It may be asked for again.
            let second = try #require(try Client.Accepted(await ask(client, payment)).refund)
            try await refund(second, of: client, becomes: "requested")
        }

        @Test func halfIsGivenBackInTheWeekOfTheShow() async throws {
            var plan = EventPlan(.general("Floor", 10))
            plan.startsIn = 5 * 86_400
            let zone = try await installation.seed(plan).zone
            let client = try await installation.client()
            let organizer = try await installation.staff()
            let (booking, payment) = try await client.buy(zone)
            let id = try #require(try Client.Accepted(await ask(client, payment)).refund)
            let requested = try await refund(id, of: client, becomes: "requested")
            #expect(requested["percent"].int == 50 && requested["amount_minor"].int == 75_000)
            _ = try Client.Accepted(await decide(organizer, id, "approve"))
            try await refund(id, of: client, becomes: "succeeded")
            try await client.booking(booking, becomes: "is refunded") { $0["status"].string == "refunded" }
            #expect(try await client.payment(payment, becomes: "partially_refunded")["refunded_minor"].int == 75_000)
            #expect(try await installation.available(zone) == 10)
        }

        @Test func nothingIsGivenBackInTheLastDays() async throws {
            var plan = EventPlan(.general("Floor", 10))
            plan.startsIn = 2 * 86_400
            let zone = try await installation.seed(plan).zone
            let client = try await installation.client()
            let (booking, payment) = try await client.buy(zone)
            let ended = try await client.outcome(of: try Client.Accepted(await ask(client, payment)).operation)
            #expect(ended["status"].string == "failed" && ended["error"]["code"].string == "INVALID_STATE", "\(ended)")
            #expect(try await client.booking(booking).json["data"]["status"].string == "confirmed")
            #expect(try await client.probe.get("/api/v1/refunds").json["meta"]["total"].int == 0)
        }

        @Test func onlyAPaymentThatSucceededCanBeGivenBack() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let declined = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
            _ = try await client.outcome(of: declined.operation)
            expectRefusal(try await ask(client, try #require(declined.payment)), 409, "INVALID_STATE", field: "id")
            let slow = try Client.Accepted(await client.pay(held.id, GatewayToken.wallet, method: "wallet"))
            expectRefusal(try await ask(client, try #require(slow.payment)), 409, "INVALID_STATE", field: "id")
            #expect(try await client.outcome(of: slow.operation)["status"].string == "succeeded")
        }

        @Test func cancelledEventGivesEverybodyTheirMoneyAndAVoucher() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 20)))
            let clients = try await installation.clients(6)
            let (organizer, foreign) = (
                try await installation.staff(), try await installation.staff(tenant: "01890000-0000-7000-8000-000000000000")
            )
            let bought = try await atOnce(4) { try await clients[$0].buy(event.zone) }
            let held = [try await clients[4].hold(event.zone), try await clients[5].hold(event.zone)]
            let path = "/api/v1/events/\(event.id)/cancel"
            expectRefusal(try await clients[0].probe.post(path), 403, "FORBIDDEN")
            expectRefusal(try await foreign.probe.post(path), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await organizer.probe.post("/api/v1/events/01890000-0000-7000-8000-000000000000/cancel"), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await organizer.probe.post("/api/v1/events/\(event.slug)/cancel"), 400, "VALIDATION_ERROR", field: "id")
            expectRefusal(try await organizer.probe.get(path), 404, "NOT_FOUND", field: "id")
            let key = [("Idempotency-Key", Client.newKey())]
            let answer = try await organizer.probe.post(path, headers: key)
            let accepted = try Client.Accepted(answer)
            #expect(accepted.resource == "/api/v1/events/\(event.id)")
            let ended = try await organizer.outcome(of: accepted.operation)
            #expect(ended["status"].string == "succeeded", "\(ended)")
            try await waitUntil("the cancellation tells that it is done") {
                let progress = try await organizer.probe.get(path).json["data"]
                return progress["status"].string == "done" && progress["released"].int == 2 && progress["refunds"].int == 4
                    && progress["refunded"].int == 4 && progress["open_bookings"].int == 0
            }
            expectRefusal(try await clients[0].probe.get(path), 403, "FORBIDDEN")
            for (client, (booking, payment)) in zip(clients, bought) {
                let data = try await client.booking(booking, becomes: "is refunded") { $0["status"].string == "refunded" }
                #expect(data["reason"].string == "event_cancelled")
                #expect(try await client.payment(payment, becomes: "refunded")["refunded_minor"].int == 150_000)
            }
            for (client, one) in zip(clients.suffix(2), held) {
                let data = try await client.booking(one.id, becomes: "is cancelled") { $0["status"].string == "cancelled" }
                #expect(data["reason"].string == "event_cancelled")
            }
            try await waitUntil("every buyer has a voucher") {
                try await installation.psql("SELECT count(*), min(amount_minor) FROM vouchers WHERE event_id = '\(event.id)'") == [["4", "15000"]]
            }
            let again = try await organizer.probe.post(path, headers: key)
            #expect(again.json["data"] == answer.json["data"] && again.header("Idempotency-Replayed") == "true")
            expectRefusal(try await organizer.probe.post(path), 409, "INVALID_STATE", field: "id")
        }
    }
}
