import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The broker is killed and stays away for a while.
    @Suite struct KafkaAway {
        /// Bookings that are cancelled, the first ten while Kafka is away, the others as soon as it is back.
        private static let cancelled = 20

        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func reservesGoOnAndEverythingIsProjectedOnReturn() async throws {
            let stack = installation.stack
            do {
                try await goOnWithoutKafka()
            } catch {
                // The tests after this one want a broker.
                if await !stack.isRunning(.broker) { try await stack.restart(.broker) }
                throw error
            }
        }

        private func goOnWithoutKafka() async throws {
            let stack = installation.stack
            let event = try await installation.seed(EventPlan(.general("Floor", 1000)))
            let bounded = try await installation.ingress(holdSeconds: 600, environment: ["OUTBOX_LIMIT": "40"])
            let idle = try await installation.ingress(holdSeconds: 2)
            let clients = try await installation.clients(60)
            let before = try await clients[0].hold(event.zone)
            try await stack.kill(.broker)

            let first = try await Client(user: clients[51].user, probe: bounded).hold(event.zone)
            var held = [before.id]
            var waits: [Double] = []
            for client in clients[1...30] {
                let start = ContinuousClock.now
                held.append(try await client.hold(event.zone).id)
                waits.append((ContinuousClock.now - start).inMs)
            }
            report(
                "202 without Kafka: the first after \(waits[0]) ms, then median \(waits.dropFirst().sorted()[14]) ms, slowest \(waits.max() ?? 0) ms")
            #expect(waits[0] < 1500)
            // One in half a second tries Kafka and waits 250 ms; the others do not.
            #expect(waits.dropFirst().sorted()[14] < 150)
            #expect(waits.dropFirst().allSatisfy { $0 < 1500 })

            // Reads and cancels go on too.
            #expect(try await clients[5].booking(held[5]).json["data"]["status"].string == "reserved")
            let list = try await clients[5].probe.get("/api/v1/bookings").json["data"]
            #expect(list[0]["booking_id"].string == held[5] && list[0]["projected"].bool == false)
            var operations: [(Client, String)] = []
            for number in 1...10 {
                let accepted = try await clients[number].cancel(held[number])
                #expect(accepted.status == 202)
                operations.append((clients[number], try #require(accepted.json["data"]["operation_id"].string)))
            }
            #expect(try await operations[0].0.operation(operations[0].1).json["data"]["status"].string == "pending")
            let ready = try await stack.probe().get("/ready")
            #expect(ready.status == 200 && ready.json["dependencies"]["kafka"].string == "down")

            // An outbox at its bound refuses before it writes anything.
            let available = try await installation.available(event.zone)
            let full = try await Client(user: clients[50].user, probe: bounded).reserve(event.zone)
            expectRefusal(full, 503, "SERVICE_UNAVAILABLE")
            #expect(try await installation.available(event.zone) == available)
            try await waitUntil("the bounded ingress says that it is not ready") { try await bounded.get("/ready").status == 503 }

            let noticed = try await waitUntil("an ingress that has published nothing knows it too", limit: .seconds(30)) {
                try await idle.get("/ready").json["dependencies"]["kafka"].string == "down"
            }
            report("an idle ingress said that Kafka is away \(noticed.inMs) ms after it was asked first")

            // Whoever waits now is told once Kafka is back.
            let waiting = held[1]
            let etag = try await clients[1].booking(waiting).header("ETag")
            async let poll = clients[1].booking(waiting, etag: etag, wait: 30)
            try await stack.restart(.broker)
            let back = ContinuousClock.now
            // Who cancels at once does not overtake what the sweepers have not sent yet.
            try await waitUntil("the ingress knows that Kafka is back") {
                try await stack.probe().get("/ready").json["dependencies"]["kafka"].string != "down"
            }
            for number in 11...Self.cancelled {
                let accepted = try Client.Accepted(await clients[number].cancel(held[number]))
                operations.append((clients[number], accepted.operation))
            }
            #expect(try await poll.json["data"]["status"].string == "cancelled")
            for (client, operation) in operations {
                let ended = try await client.operation(operation, etag: "\"1\"", wait: 30)
                #expect(ended.json["data"]["status"].string == "succeeded")
            }
            try await waitUntil("everything is projected", limit: .seconds(60)) {
                try await installation.psql("SELECT status, count(*) FROM bookings WHERE event_id = '\(event.id)' GROUP BY 1 ORDER BY 1")
                    == [["cancelled", "\(Self.cancelled)"], ["reserved", "\(32 - Self.cancelled)"]]
            }
            report("everything that had stayed in the outbox was projected \((ContinuousClock.now - back).inMs) ms after the broker's return")
            let verdict = try await installation.checkInventory()
            #expect(verdict.holds, "\(verdict.report)")
            #expect(try await Client(user: clients[50].user, probe: bounded).reserve(event.zone).status == 202)
            try await expectOneEventEach(held + [first.id])
        }

        /// The topic tells of each transition once, in order; a copy may come from the send that was under way when the broker died.
        private func expectOneEventEach(_ bookings: [String]) async throws {
            var types: [String: [String]] = [:]
            for record in try await TopicReader.all("booking.events", installation) {
                types[record.key, default: []].append(record.headers["ce_type"] ?? "")
            }
            var copies = 0
            for (number, booking) in bookings.enumerated() {
                let found = types[booking] ?? []
                copies += found.count - Set(found).count
                var order: [String] = []
                for type in found where !order.contains(type) { order.append(type) }
                let wanted = (1...Self.cancelled).contains(number) ? ["booking.created.v1", "booking.cancelled.v1"] : ["booking.created.v1"]
                #expect(order == wanted, "\(found)")
            }
            report("second copies on the topic after the outage: \(copies) of \(bookings.count + Self.cancelled)")
            #expect(copies <= bookings.count / 4)
        }
    }
}
