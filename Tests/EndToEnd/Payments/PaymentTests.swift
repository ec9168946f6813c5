import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Paying a booking, through the gateway's simulator.
    @Suite struct Payments {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func paidBookingIsConfirmedWithATicketReference() async throws {
            let zone = try await installation.seed(EventPlan(.numbered(rows: 1, seatsPerRow: 4))).zone
            let clients = try await installation.clients(2)
            let client = clients[0]
            let held = try Client.Held(await client.reserve(zone, seats: [zone.seats[0], zone.seats[2]]))
            let answer = try await client.pay(held.id)
            let accepted = try Client.Accepted(answer)
            let payment = try #require(accepted.payment)
            #expect(accepted.resource == "/api/v1/payments/\(payment)")
            #expect(answer.header("Location") == "/api/v1/operations/\(accepted.operation)")
            #expect(answer.header("Retry-After").flatMap { Int($0) } != nil && answer.header("Idempotency-Replayed") == nil)
            expectHeadersOfEveryAnswer(answer)

            let ended = try await client.outcome(of: accepted.operation)
            #expect(ended["status"].string == "succeeded" && ended["resource"].string == accepted.resource)
            let booking = try await client.booking(held.id).json["data"]
            #expect(booking["status"].string == "confirmed" && booking["payment_id"].string == payment)
            #expect(booking["payment_state"].string == "success" && booking["payment"].string == accepted.resource)
            let reference = try #require(booking["ticket_reference"].string)
            #expect(reference.wholeMatch(of: /[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}/) != nil, "\(reference)")

            let data = try await client.payment(payment).json["data"]
            #expect(data["payment_id"].string == payment && data["booking_id"].string == held.id && data["method"].string == "card")
            #expect(data["amount_minor"].int == 300_000 && data["currency"].string == "THB" && data["refunded_minor"].int == 0)
            #expect(data["status"].string == "success" && data["error"].isNull)
            expectRefusal(try await clients[1].payment(payment), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await clients[1].payment(payment, etag: "\"1\"", wait: 5), 404, "NOT_FOUND", field: "id")
            #expect(try await installation.available(zone) == 2)
            try await waitUntil("PostgreSQL has it as confirmed") {
                try await installation.psql("SELECT status, payment_state FROM bookings WHERE id = '\(held.id)'") == [["confirmed", "success"]]
            }
            let listed = try await client.probe.get("/api/v1/bookings").json["data"][0]
            #expect(listed["payment_id"].string == payment && listed["ticket_reference"].string == reference)
            #expect(try await client.probe.get("/api/v1/bookings/pending").json["data"].array?.isEmpty == true)
            expectRefusal(try await client.cancel(held.id), 409, "INVALID_STATE", field: "id")
            expectRefusal(try await client.pay(held.id), 409, "INVALID_STATE", field: "booking_id")
        }

        @Test func confirmPaysWithTheDefaultTokenOrTheBodys() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let with = Client(
                user: client.user,
                probe: try await installation.ingress(holdSeconds: 600, environment: ["DEFAULT_PAYMENT_TOKEN": GatewayToken.succeeds]))
            let without = Client(
                user: client.user, probe: try await installation.ingress(holdSeconds: 600, environment: ["DEFAULT_PAYMENT_TOKEN": ""]))
            let (first, second) = (try await client.hold(zone), try await client.hold(zone))
            let key = [("Idempotency-Key", Client.newKey())]
            expectRefusal(
                try await without.probe.post("/api/v1/bookings/\(first.id)/confirm", headers: key), 400, "VALIDATION_ERROR", field: "payment_token")
            expectRefusal(
                try await with.probe.post("/api/v1/bookings/\(first.id)/confirm"), 400, "VALIDATION_ERROR", field: "Idempotency-Key")
            let paid = try Client.Accepted(await with.probe.post("/api/v1/bookings/\(first.id)/confirm", headers: key))
            #expect(try await client.outcome(of: paid.operation)["status"].string == "succeeded")
            let body = #"{"payment_token":"\#(GatewayToken.succeeds)"}"#
            let own = try Client.Accepted(await without.probe.post("/api/v1/bookings/\(second.id)/confirm", json: body, headers: key))
            #expect(try await client.outcome(of: own.operation)["status"].string == "succeeded")
            for held in [first, second] { #expect(try await client.booking(held.id).json["data"]["status"].string == "confirmed") }
            // The key belongs to the booking, and its first answer stays.
            let again = try await with.probe.post("/api/v1/bookings/\(first.id)/confirm", headers: key)
            #expect(try Client.Accepted(again).payment == paid.payment && again.header("Idempotency-Replayed") == "true")
        }

        @Test func declineKeepsTheHoldAndTheThirdReleasesIt() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone, quantity: 3)
            for attempt in 1...3 {
                let accepted = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
                let ended = try await client.outcome(of: accepted.operation)
                #expect(ended["status"].string == "failed" && ended["error"]["code"].string == "PAYMENT_FAILED", "\(ended)")
                let payment = try await client.payment(try #require(accepted.payment)).json["data"]
                #expect(payment["status"].string == "failed" && payment["error"]["code"].string?.isEmpty == false, "\(payment)")
                let booking = try await client.booking(held.id).json["data"]
                if attempt < 3 {
                    #expect(booking["status"].string == "reserved" && booking["payment_state"].string == "failed", "\(booking)")
                    #expect(try await installation.available(zone) == 7)
                }
            }
            let booking = try await client.booking(held.id, becomes: "is cancelled") { $0["status"].string == "cancelled" }
            #expect(booking["reason"].string == "payment_failed" && booking["ticket_reference"].isNull)
            #expect(try await installation.available(zone) == 10)
            expectRefusal(try await client.pay(held.id), 409, "INVALID_STATE", field: "booking_id")
        }

        @Test func declinedPaymentMayBeTriedAgain() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let first = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
            #expect(try await client.outcome(of: first.operation)["status"].string == "failed")
            let pending = try await client.probe.get("/api/v1/bookings/pending").json["data"][0]
            #expect(pending["booking_id"].string == held.id && pending["payment_state"].string == "failed")
            let second = try Client.Accepted(await client.pay(held.id))
            #expect(try await client.outcome(of: second.operation)["status"].string == "succeeded")
            let booking = try await client.booking(held.id).json["data"]
            #expect(booking["status"].string == "confirmed" && booking["payment_id"].string == second.payment)
        }

        @Test func twoTabsMakeOnePayment() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let answers = try await atOnce(10) { _ in try await client.pay(held.id) }
            let accepted = answers.filter { $0.status == 202 }
            #expect(accepted.count == 1)
            for answer in answers where answer.status != 202 { expectRefusal(answer, 409, "INVALID_STATE", field: "booking_id") }
            let operation = try Client.Accepted(try #require(accepted.first)).operation
            #expect(try await client.outcome(of: operation)["status"].string == "succeeded")
            let rows = try await installation.psql("SELECT count(*), sum(captured_minor) FROM payments WHERE booking_id = '\(held.id)'")
            #expect(rows == [["1", "150000"]])
        }

        @Test func sameKeyIsOnePaymentWhoseFirstAnswerStays() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let key = Client.newKey()
            let answers = try await atOnce(10) { _ in try await client.pay(held.id, key: key) }
            #expect(answers.allSatisfy { $0.status == 202 })
            #expect(Set(answers.map { $0.json["data"] }).count == 1)
            #expect(answers.count { $0.header("Idempotency-Replayed") == "true" } == 9)
            expectRefusal(
                try await client.pay(held.id, GatewayToken.wallet, method: "wallet", key: key), 422, "IDEMPOTENCY_KEY_REUSED",
                field: "Idempotency-Key")
            let first = try Client.Accepted(answers[0])
            #expect(try await client.outcome(of: first.operation)["status"].string == "succeeded")
            let late = try await client.pay(held.id, key: key)
            #expect(try Client.Accepted(late).payment == first.payment && late.header("Idempotency-Replayed") == "true")
        }

        @Test func openPaymentKeepsTheBookingFromBeingCancelled() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, GatewayToken.wallet, method: "wallet"))
            expectRefusal(try await client.cancel(held.id), 409, "INVALID_STATE", field: "id")
            expectRefusal(try await client.pay(held.id), 409, "INVALID_STATE", field: "booking_id")
            let pending = try await client.probe.get("/api/v1/bookings/pending").json["data"][0]
            #expect(pending["payment_id"].string == accepted.payment && pending["payment_state"].string == "open")
            #expect(try await client.outcome(of: accepted.operation)["status"].string == "succeeded")
            #expect(try await client.booking(held.id).json["data"]["status"].string == "confirmed")
        }

        @Test(arguments: [("wallet", GatewayToken.wallet), ("bank_transfer", GatewayToken.bank)])
        func paymentThatCompletesLaterIsConfirmedByItsWebhook(_ method: String, _ token: String) async throws {
            var plan = EventPlan(.general("Floor", 10))
            plan.allowsBankTransfer = true
            let zone = try await installation.seed(plan).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, token, method: method))
            let open = try await client.booking(held.id).json["data"]
            let left = try #require(WallClock(open["expires_at"].string)).ms - WallClock.now.ms
            if method == "bank_transfer" { #expect(left > 86_000_000) }
            #expect(try await client.outcome(of: accepted.operation)["status"].string == "succeeded")
            #expect(try await client.booking(held.id).json["data"]["status"].string == "confirmed")
            #expect(try await client.payment(try #require(accepted.payment)).json["data"]["method"].string == method)
        }

        @Test func walletThatRefusesLaterIsADecline() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, GatewayToken.walletRefused, method: "wallet"))
            let ended = try await client.outcome(of: accepted.operation)
            #expect(ended["status"].string == "failed" && ended["error"]["code"].string == "PAYMENT_FAILED", "\(ended)")
            #expect(try await client.booking(held.id).json["data"]["status"].string == "reserved")
        }

        @Test func bankTransferNeedsAnEventThatAllowsIt() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            expectRefusal(try await client.pay(held.id, GatewayToken.bank, method: "bank_transfer"), 409, "INVALID_STATE", field: "method")
            #expect(try await client.booking(held.id).json["data"]["payment_id"].isNull)
        }

        @Test func expiredReservationIs410() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let short = Client(user: client.user, probe: try await installation.ingress(holdSeconds: 2))
            let held = try await short.hold(zone)
            #expect(try await client.ending(of: held.id) == "expired")
            expectRefusal(try await client.pay(held.id), 410, "RESERVATION_EXPIRED", field: "booking_id")
            let body = #"{"payment_token":"pm_card_visa"}"#
            let confirm = try await client.probe.post(
                "/api/v1/bookings/\(held.id)/confirm", json: body, headers: [("Idempotency-Key", Client.newKey())])
            expectRefusal(confirm, 410, "RESERVATION_EXPIRED", field: "id")
        }

        @Test func beginningAPaymentGivesTheHoldTimeForIt() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let short = Client(user: client.user, probe: try await installation.ingress(holdSeconds: 60))
            let held = try await short.hold(zone)
            _ = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
            let booking = try await client.booking(held.id).json["data"]
            let left = try #require(WallClock(booking["expires_at"].string)).ms - WallClock.now.ms
            #expect(left > 280_000 && left <= 300_000)
        }
    }
}
