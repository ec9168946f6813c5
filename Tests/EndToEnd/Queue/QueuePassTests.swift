import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// What opens the door, and what does not.
    @Suite struct QueuePasses {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private func expectShut(_ answer: HTTPAnswer, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation) {
            expectRefusal(answer, 429, "QUEUE_REQUIRED", field: "X-Queue-Pass", reason, sourceLocation: sourceLocation)
            #expect(answer.text.contains(reason), "\(answer.text)", sourceLocation: sourceLocation)
        }

        @Test func eachWrongPassHasItsRefusal() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let other = try await installation.lined(EventPlan(.general("Floor", 10)))
            let clients = try await installation.clients(2)
            for client in clients { #expect(try await client.join(event).status == 202) }
            let pass = try await clients[0].pass(event)
            let foreign = try await clients[1].pass(event)

            expectShut(try await clients[0].reserve(event.zone, pass: foreign), "belongs to another user")
            expectShut(try await clients[0].reserve(other.zone, pass: pass), "is for another event")
            for place in [0, 60, pass.count - 2] {
                var bent = Array(pass)
                bent[place] = bent[place] == "A" ? "B" : "A"
                expectShut(try await clients[0].reserve(event.zone, pass: String(bent)), "is not signed")
            }
            for text in ["x", "a.b.c", String(repeating: "A", count: 118), String(repeating: "A", count: 4000), "\(pass), \(pass)"] {
                expectShut(try await clients[0].reserve(event.zone, pass: text), "is not signed")
            }
            expectShut(try await clients[0].reserve(event.zone), "is required")
            #expect(try await installation.available(event.zone) == 10)
            #expect(try await clients[0].reserve(event.zone, pass: pass).status == 202)
            expectShut(try await clients[0].reserve(event.zone, pass: pass), "was used")
            // A purchase that failed leaves the pass as it was.
            #expect(try await clients[1].reserve(event.zone, pass: foreign, quantity: 5).status == 409)
            #expect(try await clients[1].reserve(event.zone, pass: foreign).status == 202)
        }

        @Test func aPassThatIsOverFreesItsPlace() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 1)))
            let clients = try await installation.clients(2)
            let stack = installation.stack
            await stack.stop(queueRelease)
            try await stack.startCopy(queueRelease, environment: ["QUEUE_PASS_SECONDS": "3"])
            for client in clients { #expect(try await client.join(event).status == 202) }
            let pass = try await clients[0].pass(event)
            #expect(try await clients[1].place(event).json["data"]["status"].string == "waiting", "there is one place")
            let lapsed = try await clients[0].place(event, becomes: "lapsed") { $0["status"].string == "lapsed" }
            #expect(lapsed["queue_pass"].isNull)
            expectShut(try await clients[0].reserve(event.zone, pass: pass), "has expired")
            let next = try await clients[1].pass(event)
            #expect(try await clients[1].reserve(event.zone, pass: next).status == 202)
            await stack.stop(queueRelease)
            try await stack.startWorker(queueRelease.program)
        }

        @Test func aPassIsNotHeldToTheRate() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            // Ten tokens, and what comes of them while they are used up.
            var last = 409
            for _ in 0..<20 where last != 429 { last = try await client.reserve(event.zone, quantity: 5).status }
            #expect(last == 429)
            try await installation.stack.startWorker(queueRelease.program)
            try await installation.setMode("fifo", of: event)
            #expect(try await client.join(event).status == 202)
            #expect(try await client.reserve(event.zone, pass: try await client.pass(event)).status == 202)
        }

        @Test func aLineThatIsSwitchedOffLetsEverybodyIn() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let clients = try await installation.clients(2)
            #expect(try await clients[0].join(event).status == 202)
            #expect(try await clients[0].pass(event).isEmpty == false)
            try await installation.setMode("off", of: event)
            #expect(try await clients[1].reserve(event.zone).status == 202)
            #expect(try await clients[0].reserve(event.zone).status == 202)
            // A text that is no pass harms nobody who needs none.
            #expect(try await clients[1].reserve(event.zone, pass: "x").status == 202)
        }
    }
}
