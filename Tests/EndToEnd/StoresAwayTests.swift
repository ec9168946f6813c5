import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Redis or PostgreSQL is killed and stays away for a while.
    @Suite struct StoresAway {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        /// Kills a store for the time of `body`, and starts it again whatever becomes of it.
        private func without(_ store: Component, _ body: () async throws -> Void) async throws {
            try await installation.stack.kill(store)
            var failure: (any Error)?
            do { try await body() } catch { failure = error }
            try await installation.stack.restart(store)
            if let failure { throw failure }
        }

        @Test func withoutRedisNothingIsReservedAndReportsAreStillRead() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            try await waitUntil("the booking is projected") {
                try await installation.psql("SELECT 1 FROM bookings WHERE id = '\(held.id)'") == [["1"]]
            }
            #expect(try await installation.available(zone) == 9)
            let probe = try installation.stack.probe()
            try await without(.redis) {
                for _ in 0..<5 {
                    let start = ContinuousClock.now
                    expectRefusal(try await client.reserve(zone), 503, "SERVICE_UNAVAILABLE")
                    #expect(ContinuousClock.now - start < .seconds(3))
                }
                expectRefusal(try await client.cancel(held.id), 503, "SERVICE_UNAVAILABLE")
                let reported = try await client.booking(held.id)
                #expect(reported.status == 200 && reported.json["data"]["status"].string == "reserved")
                #expect(try await client.probe.get("/api/v1/bookings").json["data"][0]["booking_id"].string == held.id)
                let zones = try await installation.anonymous().get("/api/v1/shows/\(zone.show)/zones")
                #expect(zones.status == 200 && zones.json["data"][0]["available"].isNull && zones.json["data"][0]["capacity"].int == 10)
                let ready = try await probe.get("/ready")
                #expect(ready.status == 503 && ready.json["dependencies"]["redis"].string == "down")
                #expect(try await probe.get("/health").status == 200)
            }
            let took = try await waitUntil("reserves are taken again", limit: .seconds(10)) { try await client.reserve(zone).status == 202 }
            report("reserves are taken \(took.inMs) ms after Redis is back")
            // Reserves have a connection of their own, so the others may be back a moment later.
            try await waitUntil("cancels are taken again", limit: .seconds(10)) { try await client.cancel(held.id).status == 202 }
            #expect(try await client.ending(of: held.id) == "cancelled")
            #expect(try await installation.available(zone) == 9)
        }

        @Test func withoutPostgresBookingGoesOn() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let (client, other) = (try await installation.client(), try await installation.client())
            #expect(try await installation.anonymous().get("/api/v1/events/\(event.slug)").status == 200)
            let probe = try installation.stack.probe()
            var held: [Client.Held] = []
            try await without(.postgres) {
                held = [try await client.hold(event.zone), try await other.hold(event.zone)]
                #expect(try await client.booking(held[0].id).json["data"]["status"].string == "reserved")
                // Cached, so still shown; what is neither cached nor in Redis is not "not found".
                #expect(try await installation.anonymous().get("/api/v1/events/\(event.slug)").status == 200)
                expectRefusal(try await installation.anonymous().get("/api/v1/events/not-asked-for-before"), 503, "SERVICE_UNAVAILABLE")
                expectRefusal(try await client.booking("01890000-0000-7000-8000-000000000000"), 503, "SERVICE_UNAVAILABLE")
                expectRefusal(try await client.probe.get("/api/v1/bookings"), 503, "SERVICE_UNAVAILABLE")
                #expect(try await client.cancel(held[0].id).status == 202)
                let ready = try await probe.get("/ready")
                #expect(ready.status == 200 && ready.json["dependencies"]["postgresql"].string == "down")
            }
            #expect(try await client.ending(of: held[0].id) == "cancelled")
            try await waitUntil("both are projected", limit: .seconds(40)) {
                try await installation.psql("SELECT status, count(*) FROM bookings WHERE event_id = '\(event.id)' GROUP BY 1 ORDER BY 1")
                    == [["cancelled", "1"], ["reserved", "1"]]
            }
        }

        @Test func ingressThatStopsAnswersThoseWhoWait() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let held = try await client.hold(zone)
            async let poll = client.booking(held.id, etag: held.etag, wait: 30)
            // Sent after the poll; when its head is here, the poll is in hand.
            let stream = try await client.probe.stream("/api/v1/bookings/\(held.id)/stream")
            let start = ContinuousClock.now
            await installation.stack.stop(.ingress)
            let stopped = ContinuousClock.now - start
            report("the ingress stopped within \(stopped.inMs) ms of SIGTERM, with a wait of 30 s open")
            var failure: (any Error)?
            do {
                #expect(try await poll.status == 304)
                for try await event in stream.events { #expect(event.data.contains("reserved")) }
            } catch {
                failure = error
            }
            #expect(stopped < .seconds(10))
            try await installation.stack.restart(.ingress)
            if let failure { throw failure }
            #expect(try await client.booking(held.id).status == 200)
        }
    }
}
