import LoadGenerator
import LocalStack
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    /// Very many holds that end at the same time.
    @Suite struct DueHolds {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func tenThousandHoldsDueAtOnceAreReleased() async throws {
            let (holds, perUser) = (10_000, 10)
            var plan = EventPlan(.general("Floor", holds))
            plan.maxTicketsPerUser = perUser
            let zone = try await installation.seed(plan).zone
            let users = try await installation.users(holds / perUser)
            let short = try await installation.ingress(holdSeconds: 2)
            // They become due while nobody looks, and so are all due when expiry comes back.
            await installation.stack.stop(.worker("expiry"))
            let body = zone.body(quantity: 1)
            var load = LoadPlan(port: short.port, connections: 64, pace: .asFastAsPossible, duration: .seconds(60)) { index, bytes in
                bytes.append(
                    contentsOf: """
                        POST /api/v1/bookings/reserve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r
                        Authorization: Bearer \(users[index / perUser].token)\r\nIdempotency-Key: \(index)\r\n\r\n\(body)
                        """.utf8)
            }
            load.maxRequests = holds
            let made = try await LoadGenerator.run(load)
            report("10,000 reserves: \(Int(made.requestsPerSecond)) a second, p99 \(made.p99Ms) ms")
            #expect(made.codes == [202: holds], "\(made.codes)")
            let last = WallClock.now.advanced(byMs: 2000)
            #expect(try await installation.available(zone) == 0)
            try await reach(last)
            let start = ContinuousClock.now
            try await installation.stack.restart(.worker("expiry"))
            let up = ContinuousClock.now
            try await waitUntil("all 10,000 places are free", limit: .seconds(30), pause: .milliseconds(100)) {
                try await installation.available(zone) == holds
            }
            let took = ContinuousClock.now - start
            report("10,000 due holds released \((ContinuousClock.now - up).inMs) ms after expiry was up, \(took.inMs) ms after it was started")
            #expect(took < .seconds(15))
            try await waitUntil("PostgreSQL says so too", limit: .seconds(60), pause: .milliseconds(250)) {
                try await installation.psql("SELECT status, count(*) FROM bookings WHERE zone_id = '\(zone.id)' GROUP BY 1")
                    == [["expired", "\(holds)"]]
            }
        }
    }
}
