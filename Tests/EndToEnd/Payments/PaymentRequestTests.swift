import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Payments that must be refused: each with its code, with the field named, and without harm.
    @Suite struct PaymentRequests {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private static let unknown = "01890000-0000-7000-8000-000000000000"

        @Test func badPaymentIsRefusedAndNamesItsField() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            func body(_ change: (inout [String: String]) -> Void) -> String {
                var fields = ["booking_id": "\"\(held.id)\"", "method": "\"card\"", "payment_token": "\"pm_card_visa\""]
                change(&fields)
                return "{" + fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
            }
            let cases: [(what: String, body: String, field: String)] = [
                ("not JSON", "booking_id=1", "body"), ("an array", "[]", "body"), ("with more after its end", body { _ in } + "{}", "body"),
                ("no booking", body { $0["booking_id"] = nil }, "booking_id"),
                ("booking that is no UUID", body { $0["booking_id"] = "\"x\"" }, "booking_id"),
                ("booking of the wrong type", body { $0["booking_id"] = "7" }, "booking_id"), ("no method", body { $0["method"] = nil }, "method"),
                ("unknown method", body { $0["method"] = "\"cash\"" }, "method"), ("method of the wrong type", body { $0["method"] = "1" }, "method"),
                ("no token", body { $0["payment_token"] = nil }, "payment_token"), ("null", body { $0["payment_token"] = "null" }, "payment_token"),
                ("empty token", body { $0["payment_token"] = "\"\"" }, "payment_token"),
                ("token without a prefix", body { $0["payment_token"] = "\"visa\"" }, "payment_token"),
                ("token with a Redis key in it", body { $0["payment_token"] = "\"pm_a}:b{c\"" }, "payment_token"),
                ("a long token", body { $0["payment_token"] = "\"pm_\(String(repeating: "a", count: 200))\"" }, "payment_token"),
                ("a card number", body { $0["payment_token"] = "\"4242424242424242\"" }, "payment_token"),
                ("a card number with spaces", body { $0["payment_token"] = "\"4242 4242 4242 4242\"" }, "payment_token"),
                ("a card number as a token", body { $0["payment_token"] = "\"pm_4242-4242-4242-4242\"" }, "payment_token"),
                ("an amount", body { $0["amount_minor"] = "1" }, "amount_minor"), ("a currency", body { $0["currency"] = "\"JPY\"" }, "currency"),
                ("a card", body { $0["card"] = #"{"number":"4242424242424242"}"# }, "card"),
            ]
            for bad in cases {
                let answer = try await client.pay(json: bad.body)
                expectRefusal(answer, 400, "VALIDATION_ERROR", field: bad.field, bad.what)
                #expect(!answer.text.contains("4242"), "\(bad.what): it was repeated")
            }
            expectRefusal(
                try await client.probe.post("/api/v1/payments", json: body { _ in }), 400, "VALIDATION_ERROR", field: "Idempotency-Key")
            let typed = [("Idempotency-Key", "k"), ("Content-Type", "text/plain")]
            expectRefusal(
                try await client.probe.send("POST", "/api/v1/payments", headers: typed, body: Array(body { _ in }.utf8)), 415,
                "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type")
            expectRefusal(try await client.pay(json: String(repeating: " ", count: 70_000)), 413, "PAYLOAD_TOO_LARGE", field: "body")
            let now = try await client.booking(held.id)
            let booking = now.json["data"]
            #expect(booking["status"].string == "reserved" && now.header("ETag") == held.etag && booking["payment_id"].isNull)
        }

        @Test func paymentOfWhatIsNotOnesOwnIs404() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let held = try await clients[0].hold(zone)
            expectRefusal(try await clients[1].pay(held.id), 404, "NOT_FOUND", field: "booking_id")
            for id in [Self.unknown, "00000000-0000-0000-0000-000000000000"] {
                expectRefusal(try await clients[1].pay(id), 404, "NOT_FOUND", field: "booking_id", id)
                expectRefusal(try await clients[1].payment(id), 404, "NOT_FOUND", field: "id", id)
                expectRefusal(try await clients[1].probe.post("/api/v1/payments/\(id)/refund"), 404, "NOT_FOUND", field: "id", id)
                expectRefusal(try await clients[1].probe.get("/api/v1/refunds/\(id)"), 404, "NOT_FOUND", field: "id", id)
            }
            let body = #"{"payment_token":"pm_card_visa"}"#
            let confirm = try await clients[1].probe.post(
                "/api/v1/bookings/\(held.id)/confirm", json: body, headers: [("Idempotency-Key", Client.newKey())])
            expectRefusal(confirm, 404, "NOT_FOUND", field: "id")
            let now = try await clients[0].booking(held.id)
            #expect(now.header("ETag") == held.etag)
        }

        @Test func idsAndParametersAreChecked() async throws {
            let client = try await installation.client()
            for id in ["x", "%00", "01890000-0000-7000-8000-00000000000g"] {
                expectRefusal(try await client.payment(id), 400, "VALIDATION_ERROR", field: "id", id)
                expectRefusal(try await client.probe.get("/api/v1/payments/\(id)/stream"), 400, "VALIDATION_ERROR", field: "id", id)
                expectRefusal(try await client.probe.get("/api/v1/refunds/\(id)"), 400, "VALIDATION_ERROR", field: "id", id)
            }
            for (query, field) in [("status=open", "status"), ("page=0", "page"), ("per_page=101", "per_page")] {
                expectRefusal(try await client.probe.get("/api/v1/refunds?\(query)"), 400, "VALIDATION_ERROR", field: field, query)
            }
            let none = try await client.probe.get("/api/v1/refunds?status=requested&page=2&per_page=10")
            #expect(none.status == 200 && none.json["data"].array == [] && none.json["meta"]["total"].int == 0 && none.json["meta"]["page"].int == 2)
        }

        @Test func everyRouteWantsAToken() async throws {
            let anonymous = try installation.anonymous()
            let id = Self.unknown
            for path in ["payments/\(id)", "payments/\(id)/stream", "refunds", "refunds/\(id)", "operations/\(id)/stream"] {
                expectRefusal(try await anonymous.get("/api/v1/\(path)"), 401, "UNAUTHORIZED", field: "Authorization", path)
            }
            for path in [
                "payments", "bookings/\(id)/confirm", "payments/\(id)/refund", "refunds/\(id)/approve", "refunds/\(id)/reject", "events/\(id)/cancel",
            ] {
                expectRefusal(try await anonymous.post("/api/v1/\(path)", json: "{}"), 401, "UNAUTHORIZED", field: "Authorization", path)
            }
        }

        @Test func methodThatIsNotKnownIs405() async throws {
            let id = Self.unknown
            let cases = [
                ("GET", "payments", "POST"), ("POST", "payments/\(id)", "GET"), ("POST", "payments/\(id)/stream", "GET"),
                ("GET", "payments/\(id)/refund", "POST"), ("GET", "payments/webhook", "POST"), ("DELETE", "refunds", "GET"),
                ("POST", "refunds/\(id)", "GET"), ("GET", "refunds/\(id)/approve", "POST"), ("PUT", "refunds/\(id)/reject", "POST"),
                ("PUT", "events/\(id)/cancel", "POST, GET"), ("GET", "bookings/\(id)/confirm", "POST"), ("POST", "operations/\(id)/stream", "GET"),
            ]
            let probe = try installation.anonymous()
            for (method, path, allowed) in cases {
                let answer = try await probe.send(method, "/api/v1/\(path)")
                expectRefusal(answer, 405, "METHOD_NOT_ALLOWED", field: "method", "\(method) \(path)")
                #expect(answer.header("Allow") == allowed)
            }
        }

        @Test func paymentsAreLimitedByUser() async throws {
            let client = try await installation.client()
            let first = try await client.pay(Self.unknown)
            #expect(first.status == 404)
            let answers = try await atOnce(40) { _ in try await client.pay(Self.unknown) }
            #expect(answers.contains { $0.status == 429 } && answers.allSatisfy { [404, 429].contains($0.status) })
            for answer in answers where answer.status == 429 { expectRefusal(answer, 429, "RATE_LIMITED") }
            #expect(try await client.probe.get("/api/v1/refunds").status == 200)
        }
    }
}
