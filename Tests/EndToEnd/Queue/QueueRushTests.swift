import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Many in line for few seats.
    @Suite struct QueueRush {
        private static let (people, seats) = (2000, 100)

        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func aHundredSeatsGoToTheFirstHundredOfTwoThousand() async throws {
            var plan = EventPlan(.general("Floor", Self.seats))
            plan.maxTicketsPerUser = 1
            let event = try await installation.lined(plan)
            let clients = try await installation.clients(Self.people)
            let start = ContinuousClock.now
            // While nobody is admitted, what a join answers is the order of the line.
            let places = try await installation.withLineStanding {
                var joined: [HTTPAnswer] = []
                for first in stride(from: 0, to: Self.people, by: 200) {
                    joined += try await atOnce(200) { number in try await patiently { try await clients[first + number].join(event) } }
                }
                #expect(joined.allSatisfy { $0.status == 202 }, "\(joined.first { $0.status != 202 }?.text ?? "")")
                return joined
            }
            report("\(Self.people) joined in \((ContinuousClock.now - start).inMs) ms")
            let positions = places.map { $0.json["data"]["position"].int ?? 0 }
            #expect(positions.sorted() == Array(1...Self.people))

            // All wait, and whoever is admitted buys; the uninvited try as well.
            async let uninvited = atOnce(50) { try await clients[Self.people - 1 - $0].reserve(event.zone) }
            async let outcomes = atOnce(Self.people) { try await outcome(clients[$0], event, etag: places[$0].header("ETag")) }
            for answer in try await uninvited { expectRefusal(answer, 429, "QUEUE_REQUIRED", field: "X-Queue-Pass") }
            let all = try await outcomes
            let winners = all.indices.filter { all[$0] == "bought" }
            #expect(winners.count == Self.seats)
            #expect(Set(winners.map { positions[$0] }) == Set(1...Self.seats), "the first of the line")
            #expect(all.count { $0 == "sold_out" } == Self.people - Self.seats, "\(Set(all))")
            #expect(try await installation.available(event.zone) == 0)
            report("\(Self.seats) of \(Self.people) served, the others told, after \((ContinuousClock.now - start).inMs) ms")
        }

        /// Waits for the turn and buys, or for the word that there is nothing left.
        private func outcome(_ client: Client, _ event: Event, etag: String?) async throws -> String {
            var etag = etag
            let deadline = ContinuousClock.now + .seconds(100)
            while ContinuousClock.now < deadline {
                let answer = try await client.place(event, etag: etag, wait: 30)
                if answer.status == 304 { continue }
                guard answer.status == 200, let status = answer.json["data"]["status"].string else { return "\(answer.status)" }
                etag = answer.header("ETag")
                if status == "waiting" { continue }
                guard status == "admitted", let pass = answer.json["data"]["queue_pass"].string else { return status }
                let held = try Client.Held(await client.reserve(event.zone, pass: pass))
                let paid = try await client.outcome(of: try Client.Accepted(await client.pay(held.id)).operation)
                return paid["status"].string == "succeeded" ? "bought" : "not paid"
            }
            return "still waiting"
        }

        @Test func aStoppedWorkerStopsTheLineAndNotTheSite() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let free = try await installation.seed(EventPlan(.general("Floor", 10)))
            let clients = try await installation.clients(5)
            try await installation.withLineStanding {
                for client in clients { #expect(try await client.join(event).status == 202) }
                let elsewhere = try await clients[0].reserve(free.zone)
                #expect(elsewhere.status == 202)
                #expect(try await clients[4].place(event).json["data"]["position"].int == 5)
            }
            for client in clients { #expect(try await client.reserve(event.zone, pass: try await client.pass(event)).status == 202) }
        }
    }
}
