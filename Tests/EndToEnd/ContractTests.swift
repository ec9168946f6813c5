import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// What stands on every answer, the limits, and what operators read.
    @Suite struct Contract {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func requestIDComesBackAndSecurityHeadersStandEverywhere() async throws {
            let client = try await installation.client()
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let held = try await client.reserve(zone)
            let answers = [
                held, try await client.probe.get("/api/v1/bookings"), try await client.probe.get("/health"), try await client.probe.get("/ready"),
                try await client.probe.get("/nothing"), try await installation.anonymous().get("/api/v1/events"),
                try await client.booking(try Client.Held(held).id, etag: held.header("ETag")), try await client.probe.send("PUT", "/api/v1/events"),
            ]
            #expect(answers.map(\.status) == [202, 200, 200, 200, 404, 200, 304, 405])
            for answer in answers { expectHeadersOfEveryAnswer(answer) }
            #expect(Set(answers.compactMap { $0.header("X-Request-ID") }).count == answers.count)
            #expect(answers[0].header("X-Content-Type-Options") == "nosniff" && answers[0].header("X-Frame-Options") == "DENY")

            let named = try await client.probe.get("/api/v1/bookings", headers: [("X-Request-ID", "my-own-id.42")])
            #expect(named.header("X-Request-ID") == "my-own-id.42")
            // One that could not be told apart from something else in a log is replaced.
            let junk = try await client.probe.get("/api/v1/bookings", headers: [("X-Request-ID", String(repeating: "x", count: 2000))])
            #expect(junk.header("X-Request-ID").map { $0.count < 200 } == true)
        }

        @Test func errorsAreProblemDocumentsWhereWanted() async throws {
            let client = try await installation.client()
            let wanted = [("Accept", "application/problem+json")]
            let answer = try await client.probe.get("/api/v1/bookings/x", headers: wanted)
            #expect(answer.status == 400)
            #expect(answer.header("Content-Type")?.hasPrefix("application/problem+json") == true)
            let problem = answer.json
            #expect(problem["status"].int == 400 && problem["code"].string == "VALIDATION_ERROR" && problem["title"].string?.isEmpty == false)
            #expect(problem["type"].string != nil && problem["details"][0]["field"].string == "id")
            #expect(problem["request_id"].string == answer.header("X-Request-ID"))
            expectHeadersOfEveryAnswer(answer)
            let success = try await client.probe.get("/api/v1/bookings", headers: wanted)
            #expect(success.status == 200 && success.header("Content-Type")?.hasPrefix("application/json") == true)
        }

        @Test func readsAreLimitedByUserAndEndpoint() async throws {
            let client = try await installation.client()
            let first = try await client.probe.get("/api/v1/bookings")
            #expect(first.header("X-RateLimit-Limit") == "20" && first.header("X-RateLimit-Remaining") == "19")
            #expect(first.header("RateLimit")?.contains("r=19") == true && first.header("RateLimit-Policy")?.contains("q=20") == true)
            let answers = try await atOnce(40) { _ in try await client.probe.get("/api/v1/bookings") }
            let refused = answers.filter { $0.status == 429 }
            // 19 tokens were left, and 1.67 come in each second.
            #expect((5...21).contains(refused.count), "\(refused.count)")
            for answer in refused {
                expectRefusal(answer, 429, "RATE_LIMITED")
                #expect(answer.header("X-RateLimit-Remaining") == "0")
            }
            #expect(answers.allSatisfy { [200, 429].contains($0.status) })
            // Another endpoint, and another user, have buckets of their own.
            #expect(try await client.probe.get("/api/v1/bookings/pending").status == 200)
            #expect(try await installation.client().probe.get("/api/v1/bookings").status == 200)
        }

        @Test func catalogueIsLimitedByAddressBehindTheTrustedProxy() async throws {
            let (one, other) = (try installation.anonymous(), try installation.anonymous())
            let answers = try await atOnce(40) { _ in try await one.get("/api/v1/events") }
            #expect(answers.contains { $0.status == 429 } && answers.allSatisfy { [200, 429].contains($0.status) })
            #expect(try await other.get("/api/v1/events").status == 200)
            // What a client claims further left is not believed.
            var liar = try installation.stack.probe()
            let known = try #require(one.headers.first { $0.0 == "X-Forwarded-For" }?.1)
            liar.headers = [("X-Forwarded-For", "10.9.9.9, \(known)")]
            let lying = liar
            let lies = try await atOnce(10) { _ in try await lying.get("/api/v1/events") }
            #expect(lies.contains { $0.status == 429 })
        }

        @Test func reservesAreLimitedByUserAndEvent() async throws {
            let (zone, other) = (
                try await installation.seed(EventPlan(.general("Floor", 1))).zone, try await installation.seed(EventPlan(.general("Floor", 1))).zone
            )
            _ = try await installation.client().hold(zone)
            let client = try await installation.client()
            var answers: [HTTPAnswer] = []
            for _ in 0..<13 { answers.append(try await client.reserve(zone)) }
            for answer in answers.prefix(10) { expectRefusal(answer, 409, "INSUFFICIENT_STOCK") }
            #expect(answers[0].header("X-RateLimit-Limit") == "10" && answers[0].header("X-RateLimit-Remaining") == "9")
            #expect(answers[0].header("RateLimit") != nil && answers[0].header("RateLimit-Policy") != nil)
            #expect(answers.count { $0.status == 429 } >= 2)
            for answer in answers where answer.status == 429 { expectRefusal(answer, 429, "RATE_LIMITED") }
            #expect(try await client.reserve(other).status == 202)
        }

        @Test func healthIsNotLimited() async throws {
            let probe = try installation.stack.probe()
            let answers = try await atOnce(60) { try await probe.get($0 % 2 == 0 ? "/health" : "/ready") }
            #expect(answers.allSatisfy { $0.status == 200 })
            let ready = answers[1].json
            #expect(ready["status"].string == "ready")
            for name in ["redis", "kafka", "postgresql"] { #expect(ready["dependencies"][name].string == "up", "\(name)") }
        }

        @Test func metricsAreOnTheirOwnPort() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 1))).zone
            let clients = try await installation.clients(2)
            let ingress = HTTPProbe(port: try installation.stack.metricsPort(of: .ingress))
            let before = try await Self.counter("booking_reservations_total", ingress)
            let held = try await clients[0].hold(zone)
            #expect(try await clients[1].reserve(zone).status == 409)
            _ = try await clients[0].booking(held.id)
            let text = try await ingress.get("/metrics").text
            #expect(try await Self.counter("booking_reservations_total", ingress) == before + 1)
            #expect(text.contains("booking_reservation_failures_total{code="))
            #expect(text.contains(#"http_requests_total{method="POST",route="/api/v1/bookings/reserve",status="202"}"#))
            #expect(text.contains("http_request_duration_seconds_bucket{"))
            let requests = text.split(separator: "\n").filter { $0.hasPrefix("http_requests_total") }
            #expect(requests.contains { $0.contains("/api/v1/bookings/{id}") })
            #expect(!requests.contains { $0.contains(held.id) }, "a path became a label")
            for worker in Installation.workers {
                let probe = HTTPProbe(port: try installation.stack.metricsPort(of: .worker(worker)))
                #expect(try await probe.get("/health").status == 200, "\(worker)")
                #expect(try await probe.get("/ready").status == 200, "\(worker)")
                #expect(try await probe.get("/metrics").text.contains("worker_messages_total{"), "\(worker)")
            }
        }

        private static func counter(_ name: String, _ probe: HTTPProbe) async throws -> Int {
            let lines = try await probe.get("/metrics").text.split(separator: "\n")
            return lines.first { $0.hasPrefix("\(name) ") }.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        }
    }
}
