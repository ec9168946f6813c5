import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The draw among those who come before the sale, and the line that opens by itself.
    @Suite struct QueueDraw {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func thoseWhoComeEarlyAreDrawnWhenTheSaleOpensAndAnyoneCanCheckTheDraw() async throws {
            try await installation.stack.startWorker(queueRelease.program)
            var plan = EventPlan(.general("Floor", 3))
            plan.saleOpensIn = 12
            let seeded = WallClock.now
            let event = try await installation.lined(plan)
            let clients = try await installation.clients(21)
            var entries: [String] = []
            for client in clients.prefix(20) {
                let place = try await client.join(event).json["data"]
                #expect(place["status"].string == "waiting" && place["position"].isNull, "there is no order before the draw")
                entries.append(try #require(place["entry_id"].string))
            }
            expectRefusal(try await clients[0].reserve(event.zone), 409, "SALE_NOT_OPEN")
            #expect(WallClock.now.ms - seeded.ms < 11_000, "the test was too slow for its sale")

            // Three places: three passes, and seventeen who see where they stand.
            var admitted: Set<String> = []
            var standing: [Int: String] = [:]
            for (client, entry) in zip(clients, entries) {
                let place = try await client.place(event, becomes: "drawn") { !$0["position"].isNull || $0["status"].string == "admitted" }
                if place["status"].string == "admitted" { admitted.insert(entry) }
            }
            try await waitUntil("three are admitted") {
                admitted = []
                standing = [:]
                for (client, entry) in zip(clients, entries) {
                    let place = try await client.place(event).json["data"]
                    if place["status"].string == "admitted" { admitted.insert(entry) }
                    if let position = place["position"].int { standing[position] = entry }
                }
                return admitted.count == 3 && standing.count == 17
            }
            #expect(standing.keys.sorted() == Array(1...17))
            // Who comes later stands behind them all.
            let late = try await clients[20].join(event).json["data"]
            #expect(late["position"].int == 18)

            let line = try await installation.operatorClient().probe.get("/api/v1/admin/events/\(event.id)/queue-mode").json["data"]
            let seed = try #require(line["draw_seed"].string)
            #expect(line["drawn_to"].int == 20 && line["admitted"].int == 3 && line["waiting"].int == 18)
            let order = try await drawn(entries, seed: seed)
            #expect(order != entries, "one time in 20!")
            #expect(Set(order.prefix(3)) == admitted)
            #expect(Array(order.dropFirst(3)) == (1...17).map { standing[$0] })
        }

        /// The order that follows from a seed, by another program: the smallest 48 bits of SHA-1 of `seed:id` are first.
        private func drawn(_ entries: [String], seed: String) async throws -> [String] {
            let program = """
                import hashlib, sys
                seed = sys.argv[1]
                print(*sorted(sys.argv[2:], key=lambda entry: hashlib.sha1(f'{seed}:{entry}'.encode()).hexdigest()[:12]), sep='\\n')
                """
            let output = try await Command.run("/usr/bin/python3", ["-c", program, seed] + entries, environment: [:])
            return output.text.split(separator: "\n").map(String.init)
        }

        @Test func aRushOpensTheLineByItselfAndAnEmptyLineIsClosed() async throws {
            let stack = installation.stack
            try await stack.startWorker(queueRelease.program)
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let clients = try await installation.clients(120)
            await stack.stop(queueRelease)
            try await stack.startCopy(queueRelease, environment: ["QUEUE_AUTOMATIC_RATE": "20", "QUEUE_AUTOMATIC_OFF_SECONDS": "2"])
            // Some 80 a second; most get nothing, which is a rush all the same.
            var isOpen = false
            let opened = try await waitUntil("the line is open", limit: .seconds(30), pause: .milliseconds(100)) {
                let answers = try await atOnce(10) { _ in try await clients[Int.random(in: 0..<119)].reserve(event.zone, quantity: 4) }
                isOpen = answers.contains { $0.json["error"]["code"].string == "QUEUE_REQUIRED" }
                return isOpen
            }
            #expect(opened >= .seconds(5))
            report("a rush opened the line after \(opened.inMs) ms")
            let line = try await installation.operatorClient().probe.get("/api/v1/admin/events/\(event.id)/queue-mode").json["data"]
            #expect(line["mode"].string == "fifo" && line["origin"].string == "automatic")
            #expect(try await clients[119].join(event).status == 202)
            #expect(try await clients[119].reserve(event.zone, pass: try await clients[119].pass(event)).status == 202)
            try await waitUntil("the line is closed again") {
                try await installation.operatorClient().probe.get("/api/v1/admin/events/\(event.id)/queue-mode").json["data"]["mode"].string == "off"
            }
            await stack.stop(queueRelease)
            try await stack.startWorker(queueRelease.program)
        }
    }
}
