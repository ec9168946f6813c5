import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// A reserve that is charged without a second request.
    @Suite struct ReserveWithPayment {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private func body(_ zone: Event.Zone, _ token: String, method: String = "card") -> String {
            zone.body(quantity: 2).dropLast() + #","payment":{"method":"\#(method)","payment_token":"\#(token)"}}"#
        }

        @Test func reserveIsChargedInOneRequest() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 20))).zone
            let client = try await installation.client()
            let key = Client.newKey()
            let answers = try await atOnce(5) { _ in try await client.reserve(json: body(zone, GatewayToken.succeeds), key: key) }
            #expect(answers.allSatisfy { $0.status == 202 })
            #expect(Set(answers.map { $0.json["data"]["payment_id"].string }).count == 1)
            #expect(answers.count { $0.header("Idempotency-Replayed") == "true" } == 4)
            let held = try Client.Held(answers[0])
            let data = answers[0].json["data"]
            let payment = try #require(data["payment_id"].string)
            #expect(data["payment"].string == "/api/v1/payments/\(payment)" && data["payment_error"].isNull && data["total_minor"].int == 300_000)
            try await client.payment(payment, becomes: "success")
            let booking = try await client.booking(held.id).json["data"]
            #expect(booking["status"].string == "confirmed" && booking["payment_id"].string == payment)
            #expect(booking["ticket_reference"].string?.count == 14)
            let late = try await client.reserve(json: body(zone, GatewayToken.succeeds), key: key)
            #expect(late.json["data"]["payment_id"].string == payment)
            #expect(try await installation.psql("SELECT count(*) FROM payments WHERE booking_id = '\(held.id)'") == [["1"]])
        }

        @Test func repetitionDoesNotChargeADeclinedCardAgain() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 20))).zone
            let client = try await installation.client()
            let key = Client.newKey()
            let first = try await client.reserve(json: body(zone, GatewayToken.declined), key: key)
            let payment = try #require(first.json["data"]["payment_id"].string)
            try await client.payment(payment, becomes: "failed")
            let again = try await client.reserve(json: body(zone, GatewayToken.declined), key: key)
            #expect(again.json["data"]["payment_id"].string == payment)
            let booking = try Client.Held(first).id
            let data = try await client.booking(booking).json["data"]
            #expect(data["status"].string == "reserved" && data["payment_state"].string == "failed")
            #expect(try await installation.psql("SELECT count(*) FROM payments WHERE booking_id = '\(booking)'") == [["1"]])
            // And it can be paid otherwise.
            let paid = try Client.Accepted(await client.pay(booking))
            #expect(try await client.outcome(of: paid.operation)["status"].string == "succeeded")
        }

        @Test func reserveStandsWhenItsPaymentCannotBegin() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 20))).zone
            let client = try await installation.client()
            let answer = try await client.reserve(json: body(zone, GatewayToken.bank, method: "bank_transfer"))
            let held = try Client.Held(answer)
            let data = answer.json["data"]
            #expect(data["payment_id"].isNull && data["payment"].isNull)
            #expect(data["payment_error"]["code"].string == "INVALID_STATE" && data["payment_error"]["message"].string?.isEmpty == false)
            #expect(try await client.booking(held.id).json["data"]["status"].string == "reserved")
            let paid = try Client.Accepted(await client.pay(held.id))
            #expect(try await client.outcome(of: paid.operation)["status"].string == "succeeded")
        }

        @Test func badPaymentTakesNoPlaces() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 20))).zone
            let client = try await installation.client()
            func reserve(_ payment: String) async throws -> HTTPAnswer {
                try await client.reserve(json: zone.body(quantity: 1).dropLast() + #","payment":\#(payment)}"#)
            }
            let cases = [
                ("1", "payment"), ("{}", "payment.method"), (#"{"method":"cash","payment_token":"pm_x"}"#, "payment.method"),
                (#"{"method":"card"}"#, "payment.payment_token"),
                (#"{"method":"card","payment_token":"4242 4242 4242 4242"}"#, "payment.payment_token"),
                (#"{"method":"card","payment_token":"pm_x","amount_minor":1}"#, "payment.amount_minor"),
            ]
            for (payment, field) in cases {
                let answer = try await reserve(payment)
                expectRefusal(answer, 400, "VALIDATION_ERROR", field: field, payment)
                #expect(!answer.text.contains("4242"))
            }
            #expect(try await installation.available(zone) == 20)
        }
    }
}
