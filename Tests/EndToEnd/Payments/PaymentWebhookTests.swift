import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The gateway's webhooks: believed only as far as the signature and the gateway's own books go.
    @Suite struct Webhooks {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private func event(_ type: String = "payment_intent.succeeded", id: String = "evt_\(Client.newKey())", payment: String, booking: String)
            -> String
        {
            #"{"id":"\#(id)","object":"event","type":"\#(type)","created":1,"data":{"object":{"id":"pi_x","object":"payment_intent","status":"succeeded","#
                + #""metadata":{"payment_id":"\#(payment)","booking_id":"\#(booking)"}}}}"#
        }

        private func outcomes() async throws -> [String: Int] {
            let text = try await HTTPProbe(port: try installation.stack.metricsPort(of: .ingress)).get("/metrics").text
            var counts: [String: Int] = [:]
            for line in text.split(separator: "\n") where line.hasPrefix("payment_webhooks_total{") {
                let parts = line.split(separator: " ")
                if let outcome = line.firstMatch(of: /outcome="([a-z_]+)"/)?.1 { counts[String(outcome)] = Int(parts[1]) }
            }
            return counts
        }

        @Test func forgedWebhookIsRefusedAndChangesNothing() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
            _ = try await client.outcome(of: accepted.operation)
            let id = "evt_\(Client.newKey())"
            let body = event(id: id, payment: try #require(accepted.payment), booking: held.id)
            let before = try await outcomes()["bad_signature"] ?? 0
            let forged = [
                try await installation.webhook(body, signature: nil), try await installation.webhook(body, signature: ""),
                try await installation.webhook(body, signature: "t=1,v1=00"), try await installation.webhook(body, signature: "v1=,t="),
                try await installation.webhook(body, secret: "another secret, of the same kind"),
                try await installation.webhook(body, secondsAgo: 3600), try await installation.webhook(body, secondsAgo: -3600),
                try await installation.webhook(body, signature: String(repeating: "v1=00,", count: 500)),
            ]
            for answer in forged { expectRefusal(answer, 400, "VALIDATION_ERROR", field: "Stripe-Signature") }
            #expect(try await outcomes()["bad_signature"] ?? 0 == before + forged.count)
            let records = try await TopicReader.records("payment.commands", key: held.id, installation)
            #expect(records.allSatisfy { !($0.headers["ce_id"] ?? "").contains(id) })
        }

        @Test func webhookThatIsSignedAndLiesIsNotBelieved() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, GatewayToken.declined))
            #expect(try await client.outcome(of: accepted.operation)["status"].string == "failed")
            let payment = try #require(accepted.payment)
            // The same twice, in either order with its kin: each is taken, and the gateway's books decide.
            for (id, type) in [("evt_1", "payment_intent.succeeded"), ("evt_1", "payment_intent.succeeded"), ("evt_0", "payment_intent.processing")] {
                let answer = try await installation.webhook(event(type, id: "\(id)_\(held.id)", payment: payment, booking: held.id))
                #expect(answer.status == 200 && answer.json["data"]["received"].bool == true)
                expectHeadersOfEveryAnswer(answer)
            }
            let records = try await TopicReader.records("payment.commands", key: held.id, installation)
            #expect(records.count { $0.headers["ce_type"] == "payment.webhook.v1" } >= 3, "it was acknowledged before the answer")
            // What comes after them in the partition says when they are done with.
            let second = try Client.Accepted(await client.pay(held.id))
            #expect(try await client.outcome(of: second.operation)["status"].string == "succeeded")
            #expect(try await client.payment(payment).json["data"]["status"].string == "failed")
            #expect(try await client.booking(held.id).json["data"]["payment_id"].string == second.payment)
        }

        @Test(arguments: [GatewayToken.lying, GatewayToken.forged])
        func gatewaysBooksDecideNotItsWebhooks(_ token: String) async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let accepted = try Client.Accepted(await client.pay(held.id, token))
            #expect(try await client.outcome(of: accepted.operation)["status"].string == "failed")
            let second = try Client.Accepted(await client.pay(held.id))
            #expect(try await client.outcome(of: second.operation)["status"].string == "succeeded")
            #expect(try await client.payment(try #require(accepted.payment)).json["data"]["status"].string == "failed")
        }

        @Test func duplicateWebhookOfAPaidPaymentChangesNothing() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let (booking, payment) = try await client.buy(zone)
            let before = try await client.booking(booking).header("ETag")
            let body = event(payment: payment, booking: booking)
            let answers = try await atOnce(5) { _ in try await installation.webhook(body) }
            #expect(answers.allSatisfy { $0.status == 200 })
            // A later command of the same booking is handled after them.
            let refund = try await client.probe.post("/api/v1/payments/\(payment)/refund")
            #expect(try Client.Accepted(refund).refund != nil)
            try await waitUntil("the refund is there") {
                try await installation.psql("SELECT status FROM refunds WHERE payment_id = '\(payment)'") == [["requested"]]
            }
            let now = try await client.booking(booking)
            #expect(now.header("ETag") == before && now.json["data"]["status"].string == "confirmed")
            let rows = try await installation.psql("SELECT count(*), sum(captured_minor) FROM payments WHERE booking_id = '\(booking)'")
            #expect(rows == [["1", "150000"]])
        }

        @Test func eventThatSaysNothingToUsIsIgnored() async throws {
            let (mine, other) = ("01890000-0001-7000-8000-000000000000", "01890000-0001-7001-8000-000000000000")
            let before = try await outcomes()
            let ignored = [
                event("customer.created", payment: mine, booking: mine), event(payment: "x", booking: mine), event(payment: mine, booking: other),
                event(payment: "00000000-0000-4000-8000-000000000000", booking: mine),
                #"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","metadata":{}}}}"#,
            ]
            for body in ignored { #expect(try await installation.webhook(body).status == 200, "\(body)") }
            let after = try await outcomes()
            #expect((after["other_type"] ?? 0) - (before["other_type"] ?? 0) == 1)
            #expect((after["not_ours"] ?? 0) - (before["not_ours"] ?? 0) == 4)
            for (body, field) in [("", "body"), ("x", "body"), ("[]", "body"), ("null", "body"), ("{}", "data")] {
                expectRefusal(try await installation.webhook(body), 400, "VALIDATION_ERROR", field: field, body)
            }
            expectRefusal(try await installation.webhook(String(repeating: " ", count: 70_000)), 413, "PAYLOAD_TOO_LARGE", field: "body")
        }

        @Test func webhooksAreNotLimited() async throws {
            let answers = try await atOnce(60) { _ in try await installation.webhook("{}", signature: "t=1,v1=00") }
            #expect(answers.allSatisfy { $0.status == 400 })
        }
    }
}
