import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Polls and long-polls of a booking and of an operation.
    @Suite struct Status {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func longPollIsAnsweredWhenTheBookingChanges() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
            var delays: [Int64] = []
            for client in try await installation.clients(20) {
                let held = try await client.hold(zone)
                async let poll = client.booking(held.id, etag: held.etag, wait: 20)
                let cancelled = try await client.cancel(held.id)
                #expect(cancelled.status == 202)
                let answer = try await poll
                let arrived = WallClock.now
                #expect(answer.status == 200)
                #expect(answer.json["data"]["status"].string == "cancelled")
                #expect(answer.header("ETag") != held.etag)
                #expect(answer.header("Preference-Applied") == "wait=20")
                #expect(answer.header("Vary")?.contains("Prefer") == true)
                #expect(answer.header("Cache-Control") == "private, no-store")
                // Redis' TIME at the change, and our clock at the answer, are the same machine's.
                let changed = try #require(WallClock(answer.json["data"]["updated_at"].string))
                delays.append(arrived.ms - changed.ms)
            }
            delays.sort()
            report("long-poll, from the change to the answer: median \(delays[10]) ms, slowest \(delays[19]) ms")
            #expect(delays[10] < 500)
        }

        @Test func longPollOfNothingNewIs304AtItsEnd() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            let start = ContinuousClock.now
            let answer = try await client.booking(held.id, etag: held.etag, wait: 1)
            let waited = ContinuousClock.now - start
            report("a wait of 1 s ended after \(waited.inMs) ms")
            #expect(answer.status == 304)
            #expect(answer.body.isEmpty)
            #expect(answer.header("ETag") == held.etag)
            #expect(answer.header("Preference-Applied") == "wait=1")
            #expect(waited >= .seconds(1) && waited < .seconds(3))
            expectHeadersOfEveryAnswer(answer)

            let asked = try await client.probe.get("/api/v1/bookings/\(held.id)?wait=1", headers: [("If-None-Match", "W/\(held.etag)")])
            #expect(asked.status == 304)
            expectRefusal(
                try await client.probe.get("/api/v1/bookings/\(held.id)?wait=soon", headers: [("If-None-Match", held.etag)]), 400, "VALIDATION_ERROR",
                field: "wait")
        }

        @Test func readIsAnsweredAtOnceWhereThereIsNothingToWaitFor() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            func timed(_ body: () async throws -> HTTPAnswer) async throws -> HTTPAnswer {
                let start = ContinuousClock.now
                let answer = try await body()
                #expect(ContinuousClock.now - start < .seconds(5), "it waited")
                return answer
            }
            // Without If-None-Match; with a version that is old; without a wait.
            #expect(try await timed { try await client.booking(held.id, wait: 20) }.status == 200)
            #expect(try await timed { try await client.booking(held.id, etag: "\"0\"", wait: 20) }.status == 200)
            #expect(try await timed { try await client.booking(held.id, etag: held.etag) }.status == 304)

            #expect(try await client.cancel(held.id).status == 202)
            #expect(try await client.ending(of: held.id) == "cancelled")
            let final = try await timed { try await client.booking(held.id, etag: held.etag, wait: 20) }
            #expect(final.status == 200 && final.json["data"]["status"].string == "cancelled")
            let etag = try #require(final.header("ETag"))
            #expect(try await timed { try await client.booking(held.id, etag: etag, wait: 20) }.status == 304)
        }

        @Test func twoThousandLongPollsEndWithTheirBookings() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 2000))).zone
            let clients = try await installation.clients(2000)
            let short = try await installation.ingress(holdSeconds: 20)
            // Every other booking is left to expire.
            var held: [Client.Held] = []
            for start in stride(from: 0, to: 2000, by: 200) {
                held += try await atOnce(200) { offset in
                    let client = clients[start + offset]
                    return try await (offset % 2 == 0 ? client : Client(user: client.user, probe: short)).hold(zone)
                }
            }
            #expect(try await installation.available(zone) == 0)
            let ids = held
            async let polls = atOnce(2000) { try await clients[$0].booking(ids[$0].id, etag: ids[$0].etag, wait: 30) }
            // They are open once the ingress holds that many connections.
            let pid = try #require(await installation.stack.processIDs()["ingress"])
            let opening = try await waitUntil("2,000 connections are open") { try Self.sockets(of: pid) >= 2000 }
            report("2,000 long-polls open after \(opening.inMs) ms")
            for start in stride(from: 0, to: 2000, by: 200) {
                let cancels = try await atOnce(100) { try await clients[start + 2 * $0].cancel(ids[start + 2 * $0].id) }
                #expect(cancels.allSatisfy { $0.status == 202 })
            }
            let cancelled = ContinuousClock.now
            let answers = try await polls
            report("the last of 2,000 long-polls answered \((ContinuousClock.now - cancelled).inMs) ms after the last cancel was accepted")
            for (number, answer) in answers.enumerated() {
                let wanted = number % 2 == 0 ? "cancelled" : "expired"
                let status = answer.json["data"]["status"].string
                #expect(answer.status == 200 && status == wanted, "\(number): \(answer.status) \(status ?? "")")
            }
            try await waitUntil("all places are free again") { try await installation.available(zone) == 2000 }
        }

        private static func sockets(of pid: Int32) throws -> Int {
            try ProcessFiles.names(of: pid).count { $0.hasPrefix("socket:") }
        }

        @Test func operationTellsHowTheCancelEnded() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let held = try await clients[0].hold(zone, quantity: 2)
            let accepted = try await clients[0].cancel(held.id)
            #expect(accepted.status == 202)
            let operation = try #require(accepted.json["data"]["operation_id"].string)
            #expect(accepted.json["data"]["resource"].string == "/api/v1/bookings/\(held.id)")
            #expect(accepted.header("Location") == "/api/v1/operations/\(operation)")
            #expect(accepted.header("Retry-After") != nil)
            let ended = try await clients[0].operation(operation, etag: "\"1\"", wait: 20)
            #expect(ended.status == 200)
            let data = ended.json["data"]
            #expect(data["id"].string == operation && data["type"].string == "booking.cancel" && data["status"].string == "succeeded")
            #expect(data["resource"].string == "/api/v1/bookings/\(held.id)" && data["error"].isNull)
            #expect(try await clients[0].operation(operation, etag: ended.header("ETag"), wait: 20).status == 304)
            expectRefusal(try await clients[1].operation(operation), 404, "NOT_FOUND")
            expectRefusal(try await clients[0].operation("01890000-0000-7000-8000-000000000000"), 404, "NOT_FOUND")
            #expect(try await installation.available(zone) == 10)
        }
    }
}
