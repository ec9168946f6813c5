import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// What must be refused: each with its code, with a `details` that names the field, and without harm.
    @Suite struct BadRequests {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private static let unknown = "01890000-0000-7000-8000-000000000000"

        /// A reserve that is at fault.
        private struct Case: Sendable {
            var what: String
            var body: String
            var status = 400
            var code = "VALIDATION_ERROR"
            var field: String
        }

        private static func cases(_ event: Event, _ other: Event) -> [Case] {
            let (zone, numbered, foreign) = (event.zones[0], event.zones[1], other.zones[0])
            func body(_ change: (inout [String: String]) -> Void) -> String {
                var fields = ["event_id": "\"\(event.id)\"", "show_id": "\"\(event.show)\"", "zone_id": "\"\(zone.id)\"", "quantity": "1"]
                change(&fields)
                return "{" + fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
            }
            func quantity(_ text: String) -> String { body { $0["quantity"] = text } }
            func seats(_ text: String) -> String {
                body { ($0["zone_id"], $0["quantity"], $0["seat_ids"]) = ("\"\(numbered.id)\"", nil, text) }
            }
            let (first, second) = ("\"\(numbered.seats[0])\"", "\"\(numbered.seats[1])\"")
            var cases = [
                Case(what: "not JSON", body: "event_id=1", field: "body"), Case(what: "empty", body: " ", field: "body"),
                Case(what: "an array", body: "[]", field: "body"), Case(what: "null", body: "null", field: "body"),
                Case(what: "cut off", body: String(quantity("1").dropLast(4)), field: "zone_id"),
                Case(what: "with more after its end", body: quantity("1") + "{}", field: "body"),
                Case(what: "deeply nested", body: body { $0["x"] = String(repeating: "[", count: 20_000) }, field: "x"),
                Case(what: "with an unknown field", body: body { $0["seats"] = "1" }, field: "seats"),
                Case(what: "without an event", body: body { $0["event_id"] = nil }, field: "event_id"),
                Case(what: "without a show", body: body { $0["show_id"] = nil }, field: "show_id"),
                Case(what: "without a zone", body: body { $0["zone_id"] = nil }, field: "zone_id"),
                Case(what: "event of the wrong type", body: body { $0["event_id"] = "7" }, field: "event_id"),
                Case(what: "zone of the wrong type", body: body { $0["zone_id"] = "[]" }, field: "zone_id"),
                Case(what: "event that is no UUID", body: body { $0["event_id"] = "\"x\"" }, field: "event_id"),
                Case(what: "zone with a Redis key in it", body: body { $0["zone_id"] = "\"a}:b{c\"" }, field: "zone_id"),
                Case(what: "unknown event", body: body { $0["event_id"] = "\"\(unknown)\"" }, status: 404, code: "NOT_FOUND", field: "zone_id"),
                Case(what: "unknown show", body: body { $0["show_id"] = "\"\(unknown)\"" }, status: 404, code: "NOT_FOUND", field: "zone_id"),
                Case(what: "unknown zone", body: body { $0["zone_id"] = "\"\(unknown)\"" }, status: 404, code: "NOT_FOUND", field: "zone_id"),
                Case(
                    what: "another event's zone", body: body { $0["zone_id"] = "\"\(foreign.id)\"" }, status: 404, code: "NOT_FOUND", field: "zone_id"
                ),
                Case(what: "above the limit", body: quantity("5"), status: 409, code: "MAX_PER_USER_EXCEEDED", field: "quantity"),
                Case(what: "100, above the limit", body: quantity("100"), status: 409, code: "MAX_PER_USER_EXCEEDED", field: "quantity"),
                Case(what: "no quantity", body: body { $0["quantity"] = nil }, field: "quantity"),
                Case(what: "no seats in a numbered zone", body: body { $0["zone_id"] = "\"\(numbered.id)\"" }, field: "seat_ids"),
                Case(what: "seats where there are none", body: body { ($0["quantity"], $0["seat_ids"]) = (nil, "[\(first)]") }, field: "seat_ids"),
                Case(what: "an empty list of seats", body: seats("[]"), field: "seat_ids"),
                Case(what: "a seat twice", body: seats("[\(first),\(second),\(first)]"), field: "seat_ids"),
                Case(what: "a seat that is no UUID", body: seats("[\(first),\"A1\"]"), field: "seat_ids"),
                Case(what: "a seat of the wrong type", body: seats("[\(first),1]"), field: "seat_ids"),
                Case(what: "seats that are no list", body: seats(first), field: "seat_ids"),
                Case(what: "an unknown seat", body: seats("[\(first),\"\(unknown)\"]"), status: 404, code: "NOT_FOUND", field: "seat_ids"),
                Case(
                    what: "more seats than the limit", body: seats("[" + numbered.seats.prefix(5).map { "\"\($0)\"" }.joined(separator: ",") + "]"),
                    status: 409, code: "MAX_PER_USER_EXCEEDED", field: "quantity"),
                Case(
                    what: "101 seats",
                    body: seats("[" + (100...200).map { "\"01890000-0000-7000-8000-000000000\($0)\"" }.joined(separator: ",") + "]"),
                    field: "seat_ids"),
                Case(
                    what: "a quantity beside another number of seats",
                    body: body { ($0["zone_id"], $0["quantity"], $0["seat_ids"]) = ("\"\(numbered.id)\"", "2", "[\(first)]") }, field: "quantity"),
            ]
            for text in ["0", "-1", "101", "1000000000000000000", "99999999999999999999999999", "1.5", "1e2", "\"2\"", "true", "[1]", "-0"] {
                cases.append(Case(what: "quantity \(text)", body: quantity(text), field: "quantity"))
            }
            return cases
        }

        @Test func badReserveIsRefusedAndNamesItsField() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10), .numbered("Stalls", rows: 1, seatsPerRow: 10)))
            let other = try await installation.seed(EventPlan(.general("Floor", 10)))
            let cases = Self.cases(event, other)
            let clients = try await installation.clients(cases.count)
            for (bad, client) in zip(cases, clients) {
                expectRefusal(try await client.reserve(json: bad.body), bad.status, bad.code, field: bad.field, bad.what)
            }
            for zone in event.zones + other.zones { #expect(try await installation.available(zone) == 10, "a refusal took places") }
            let rows = try await installation.psql("SELECT count(*) FROM bookings WHERE event_id IN ('\(event.id)', '\(other.id)')")
            #expect(rows == [["0"]])
        }

        @Test func tokenThatIsNotValidIs401() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let user = try await installation.users(1)[0]
            func base64(_ text: String) -> String {
                Data(text.utf8).base64EncodedString().replacingOccurrences(of: "=", with: "").replacingOccurrences(of: "+", with: "-")
                    .replacingOccurrences(of: "/", with: "_")
            }
            let parts = user.token.split(separator: ".").map(String.init)
            let expired = try await installation.rushctl("token", "--user", user.id, "--ttl=-60").trimmingCharacters(in: .whitespacesAndNewlines)
            let tokens = [
                "none": "\(base64(#"{"alg":"none","typ":"JWT","kid":"1"}"#)).\(parts[1]).",
                "none, with a signature": "\(base64(#"{"alg":"none","typ":"JWT","kid":"1"}"#)).\(parts[1]).\(parts[2])",
                "unknown key": "\(base64(#"{"alg":"HS256","typ":"JWT","kid":"9"}"#)).\(parts[1]).\(parts[2])",
                "other algorithm": "\(base64(#"{"alg":"RS256","typ":"JWT","kid":"1"}"#)).\(parts[1]).\(parts[2])",
                "another user's name": "\(parts[0]).\(base64(#"{"sub":"\#(Self.unknown)","role":"admin","iat":1,"exp":9999999999}"#)).\(parts[2])",
                "cut signature": String(user.token.dropLast(2)), "no signature": "\(parts[0]).\(parts[1])", "not a token": "letmein", "empty": "",
                "expired": expired, "very long": String(repeating: "a", count: 5000),
            ]
            for (what, token) in tokens {
                let client = try installation.stack.probe().bearer(token)
                let headers = [("Idempotency-Key", Client.newKey())]
                let answer = try await client.post("/api/v1/bookings/reserve", json: zone.body(quantity: 1), headers: headers)
                expectRefusal(answer, 401, "UNAUTHORIZED", field: "Authorization", what)
                #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
            }
            let anonymous = try installation.anonymous()
            for path in ["/api/v1/bookings", "/api/v1/bookings/pending", "/api/v1/bookings/\(Self.unknown)", "/api/v1/operations/\(Self.unknown)"] {
                expectRefusal(try await anonymous.get(path), 401, "UNAUTHORIZED", field: "Authorization", path)
            }
            for path in ["/api/v1/bookings/reserve", "/api/v1/bookings/\(Self.unknown)/cancel"] {
                expectRefusal(try await anonymous.post(path, json: "{}"), 401, "UNAUTHORIZED", field: "Authorization", path)
            }
            let basic = try await anonymous.get("/api/v1/bookings", headers: [("Authorization", "Basic dXNlcjpwYXNz")])
            expectRefusal(basic, 401, "UNAUTHORIZED", field: "Authorization")
            #expect(try await installation.available(zone) == 10)
        }

        @Test func keyContentTypeAndSizeAreChecked() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let (path, body) = ("/api/v1/bookings/reserve", zone.body(quantity: 1))
            func send(_ headers: [(String, String)], _ body: String) async throws -> HTTPAnswer {
                try await client.probe.send("POST", path, headers: headers, body: Array(body.utf8))
            }
            let (json, key) = (("Content-Type", "application/json"), ("Idempotency-Key", Client.newKey()))
            expectRefusal(try await send([json], body), 400, "VALIDATION_ERROR", field: "Idempotency-Key")
            for bad in ["", String(repeating: "k", count: 256), "two words", "schlüssel"] {
                expectRefusal(try await send([json, ("Idempotency-Key", bad)], body), 400, "VALIDATION_ERROR", field: "Idempotency-Key", bad)
            }
            expectRefusal(try await send([key], body), 415, "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type")
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data; boundary=x"] {
                expectRefusal(try await send([key, ("Content-Type", type)], body), 415, "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type", type)
            }
            let large = String(repeating: " ", count: 64 * 1024) + body
            expectRefusal(try await send([json, key], large), 413, "PAYLOAD_TOO_LARGE", field: "body")
            let chunk = String(large.utf8.count, radix: 16)
            let head = "POST \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(client.user.token)\r\nContent-Type: application/json\r\n"
            let chunked = "\(head)Idempotency-Key: 1\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)\r\n\(large)\r\n0\r\n\r\n"
            expectRefusal(try await client.probe.raw([Array(chunked.utf8)]), 413, "PAYLOAD_TOO_LARGE", field: "body")
            // Announced and never sent: the answer must not wait for it.
            let announced = "\(head)Idempotency-Key: 1\r\nContent-Length: 10000000000\r\n\r\n"
            expectRefusal(
                try await client.probe.raw([Array(announced.utf8)], timeout: .seconds(5)), 413, "PAYLOAD_TOO_LARGE", field: "body")
            #expect(try await installation.available(zone) == 10)
            let fits = String(repeating: " ", count: 64 * 1024 - body.utf8.count) + body
            #expect(try await send([("Content-Type", "Application/JSON; charset=utf-8"), key], fits).status == 202)
        }

        @Test func bodyOfACancelIsEmptyOrAnEmptyObject() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let path = "/api/v1/bookings/\(held.id)/cancel"
            expectRefusal(try await client.probe.post(path, json: #"{"force":true}"#), 400, "VALIDATION_ERROR", field: "force")
            expectRefusal(try await client.probe.post(path, json: "[]"), 400, "VALIDATION_ERROR", field: "body")
            expectRefusal(
                try await client.probe.send("POST", path, headers: [("Content-Type", "text/plain")], body: Array("now".utf8)), 415,
                "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type")
            #expect(try await client.booking(held.id).json["data"]["status"].string == "reserved")
            #expect(try await client.probe.post(path, json: "{}").status == 202)
        }

        @Test func methodThatIsNotKnownIs405() async throws {
            let cases = [
                ("PUT", "/api/v1/bookings/reserve", "POST"), ("GET", "/api/v1/bookings/reserve", "POST"), ("DELETE", "/api/v1/events", "GET"),
                ("POST", "/api/v1/bookings", "GET"), ("PATCH", "/api/v1/bookings/\(Self.unknown)", "GET"),
                ("GET", "/api/v1/bookings/\(Self.unknown)/cancel", "POST"), ("POST", "/health", "GET"),
            ]
            let probe = try installation.anonymous()
            for (method, path, allowed) in cases {
                let answer = try await probe.send(method, path)
                expectRefusal(answer, 405, "METHOD_NOT_ALLOWED", field: "method", "\(method) \(path)")
                #expect(answer.header("Allow")?.contains(allowed) == true)
            }
        }

        @Test func pathJunkIs404() async throws {
            let paths = [
                "/", "/api", "/api/v1", "/api/v2/events", "/api/v1/nothing", "/api/v1/../../etc/passwd", "/api/v1/%2e%2e/%2e%2e/etc/passwd",
                "//api//v1//nothing//", "/api/v1/events/%00", "/api/v1/events/%ff%fe", "/api/v1/events/" + String(repeating: "a", count: 4000),
                "/api/v1/events/a'; DROP TABLE events; --".replacingOccurrences(of: " ", with: "%20"), "/metrics", "/.env", "/%",
            ]
            for path in paths { expectRefusal(try await installation.anonymous().get(path), 404, "NOT_FOUND", "GET \(path.prefix(60))") }
            // Where an id is wanted, it is the field that is at fault.
            let client = try await installation.client()
            for id in ["x", "%00", "..%2f..", "01890000-0000-7000-8000-00000000000g", String(repeating: "1", count: 1000)] {
                expectRefusal(try await client.booking(id), 400, "VALIDATION_ERROR", field: "id", id)
                expectRefusal(try await client.operation(id), 400, "VALIDATION_ERROR", field: "id", id)
                expectRefusal(
                    try await installation.anonymous().get("/api/v1/shows/\(id)/zones"), 400, "VALIDATION_ERROR", field: "id", id)
            }
            // Ids that are well formed and that this system never gave out.
            for id in [Self.unknown, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
                expectRefusal(try await client.booking(id), 404, "NOT_FOUND", field: "id", id)
                expectRefusal(try await client.cancel(id), 404, "NOT_FOUND", field: "id", id)
            }
        }

        /// Bytes that never become a request. The slow sender needs its 15 s; the others are tried meanwhile.
        @Test func bytesThatAreNoRequestAreRefused() async throws {
            let probe = try installation.stack.probe()
            let path = "/api/v1/bookings/reserve"
            let start = ContinuousClock.now
            let drops = Array(repeating: Array("a".utf8), count: 34)
            async let slowHead = probe.raw([Array("GET /health HTTP/1.1\r\nX-Slow: ".utf8)] + drops, pause: .milliseconds(500), timeout: .seconds(25))
            let slowBodyHead = "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
            async let slowBody = slowUser(slowBodyHead)

            func raw(_ text: String) async throws -> HTTPAnswer { try await probe.raw([Array(text.utf8)], timeout: .seconds(5)) }
            let large = "GET /health HTTP/1.1\r\nHost: x\r\nX-Large: \(String(repeating: "a", count: 64 * 1024))\r\n\r\n"
            expectRefusal(try await raw(large), 431, "HEADERS_TOO_LARGE", field: "headers", "one large header")
            let many = (0..<2000).map { "X-\($0): 1\r\n" }.joined()
            expectRefusal(try await raw("GET /health HTTP/1.1\r\nHost: x\r\n\(many)\r\n"), 431, "HEADERS_TOO_LARGE", field: "headers", "many headers")
            let endless = "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\nHost: x\r\n\r\n"
            expectRefusal(try await raw(endless), 431, "HEADERS_TOO_LARGE", field: "headers", "an endless path")
            for garbage in [
                "\u{16}\u{3}\u{1}\u{2}\r\n\r\n", "HELLO\r\n\r\n", "GET /health HTTP/1.1\r\nHost : x\r\n\r\n", "GET /a b c HTTP/1.1\r\n\r\n",
            ] {
                expectRefusal(try await raw(garbage), 400, "VALIDATION_ERROR", field: "request", garbage)
            }
            let lying = "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"
            expectRefusal(try await raw(lying), 400, "VALIDATION_ERROR", field: "request", "two lengths")
            let negative = "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"
            expectRefusal(try await raw(negative), 400, "VALIDATION_ERROR", field: "request", "a negative length")

            expectRefusal(try await slowHead, 408, "REQUEST_TIMEOUT", field: "request", "a slow head")
            let took = ContinuousClock.now - start
            #expect(took > .seconds(14) && took < .seconds(22))
            expectRefusal(try await slowBody, 408, "REQUEST_TIMEOUT", field: "request", "a slow body")
            #expect(try await probe.get("/health").status == 200)
        }

        private func slowUser(_ head: String) async throws -> HTTPAnswer {
            let user = try await installation.users(1)[0]
            let named = head.replacingOccurrences(
                of: "Host: x\r\n", with: "Host: x\r\nAuthorization: Bearer \(user.token)\r\nIdempotency-Key: slow\r\n")
            return try await installation.stack.probe().raw(
                [Array(named.utf8)] + Array(repeating: Array(" ".utf8), count: 34), pause: .milliseconds(500), timeout: .seconds(25))
        }

        @Test func ingressLivesOnAfterAllOfThis() async throws {
            let before = await installation.stack.processIDs()["ingress"]
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            // Connections that end in the middle of anything.
            for text in ["", "POST /api/v1/boo", "POST /api/v1/bookings/reserve HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"] {
                _ = try? await installation.stack.probe().raw([Array(text.utf8)], timeout: .milliseconds(200))
            }
            #expect(try await installation.client().reserve(zone).status == 202)
            #expect(await installation.stack.processIDs()["ingress"] == before && before != nil)
        }
    }
}
