import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The waiting room: joining, leaving, the turn, and the pass.
    @Suite struct Queue {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func whoeverJoinsIsAdmittedAndBuysOnce() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            let refused = try await client.reserve(event.zone)
            expectRefusal(refused, 429, "QUEUE_REQUIRED", field: "X-Queue-Pass")
            #expect(refused.text.contains("/api/v1/queue/join"), "it tells where to join")

            let joined = try await client.join(event)
            #expect(joined.status == 202, "\(joined.text)")
            #expect(joined.header("Location") == "/api/v1/queue/status?event_id=\(event.id)")
            #expect(joined.header("ETag") != nil && joined.header("Retry-After") != nil)
            expectHeadersOfEveryAnswer(joined)
            #expect(joined.json["data"]["event_id"].string == event.id)
            let pass = try await client.pass(event)
            let admitted = try await client.place(event)
            #expect(admitted.json["data"]["status"].string == "admitted" && admitted.json["data"]["queue_pass"].string == pass)
            let expires = try #require(WallClock(admitted.json["data"]["pass_expires_at"].string))
            #expect((200_000...300_000).contains(expires.ms - WallClock.now.ms), "a pass lasts five minutes")

            let key = Client.newKey()
            let held = try await client.reserve(event.zone, pass: pass, key: key)
            #expect(held.status == 202, "\(held.text)")
            // The same request again is the same booking, though its pass is used.
            let again = try await client.reserve(event.zone, pass: pass, key: key)
            #expect(again.status == 202 && again.header("Idempotency-Replayed") == "true")
            let second = try await client.reserve(event.zone, pass: pass)
            expectRefusal(second, 429, "QUEUE_REQUIRED", field: "X-Queue-Pass")
            #expect(second.text.contains("was used"))
            let used = try await client.place(event)
            #expect(used.json["data"]["status"].string == "used" && used.json["data"]["queue_pass"].isNull)
            #expect(try await installation.available(event.zone) == 9)
        }

        @Test func joiningAgainKeepsThePlace() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let clients = try await installation.clients(3)
            try await installation.withLineStanding {
                var entries: [String?] = []
                for client in clients { entries.append(try await client.join(event).json["data"]["entry_id"].string) }
                #expect(Set(entries).count == 3 && !entries.contains(nil))
                // Another tab, and a connection that was lost before the answer came.
                let again = try await atOnce(10) { _ in try await clients[0].join(event, key: "tab") }
                #expect(again.allSatisfy { $0.status == 202 && $0.json["data"]["entry_id"].string == entries[0] })
                #expect(again.allSatisfy { $0.json["data"]["position"].int == 1 && $0.header("Idempotency-Replayed") == "true" })
                let stream = try await clients[1].probe.stream("/api/v1/queue/status/stream?event_id=\(event.id)")
                stream.close()
                for (number, client) in clients.enumerated() {
                    let place = try await client.place(event).json["data"]
                    #expect(place["position"].int == number + 1 && place["ahead"].int == number && place["status"].string == "waiting")
                    #expect(place["entry_id"].string == entries[number])
                }
            }
            for client in clients { _ = try await client.pass(event) }
        }

        @Test func whoLeavesMakesRoomAndMayComeBackBehind() async throws {
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let clients = try await installation.clients(3)
            try await installation.withLineStanding {
                for client in clients { #expect(try await client.join(event).status == 202) }
                let before = try await clients[0].place(event)
                async let told = clients[0].place(event, etag: before.header("ETag"), wait: 20)
                let left = try await clients[0].leave(event)
                #expect(left.status == 202 && left.json["data"]["status"].string == "left", "\(left.text)")
                #expect(try await told.json["data"]["status"].string == "left", "who waits in another tab is told")
                #expect(try await clients[0].leave(event).status == 202, "leaving twice is leaving once")
                #expect(try await clients[1].place(event).json["data"]["position"].int == 1)
                #expect(try await clients[0].join(event).json["data"]["position"].int == 3)
                expectRefusal(try await installation.client().leave(event), 404, "NOT_FOUND", field: "event_id")
            }
            // A pass that is given back opens no door.
            let pass = try await clients[1].pass(event)
            #expect(try await clients[1].leave(event).status == 202)
            let refused = try await clients[1].reserve(event.zone, pass: pass)
            expectRefusal(refused, 429, "QUEUE_REQUIRED", field: "X-Queue-Pass")
            #expect(refused.text.contains("given back"))
        }

        @Test func inVainIsSaidAtTheDoor() async throws {
            let client = try await installation.client()
            let off = try await installation.seed(EventPlan(.general("Floor", 10)))
            expectRefusal(try await client.join(off), 409, "INVALID_STATE", field: "event_id")
            #expect(try await client.reserve(off.zone).status == 202, "without a line no pass is needed")

            let closed = try await installation.lined(EventPlan(.general("Floor", 10)), mode: "closed")
            expectRefusal(try await client.join(closed), 409, "INVALID_STATE", field: "event_id")
            var plan = EventPlan(.general("Floor", 10))
            plan.saleOpensIn = 3600
            expectRefusal(try await client.join(installation.lined(plan)), 409, "SALE_NOT_OPEN", field: "event_id")
            plan = EventPlan(.general("Floor", 10))
            plan.minAge = 31
            expectRefusal(try await client.join(installation.lined(plan)), 403, "AGE_RESTRICTED")
            plan = EventPlan(.general("Floor", 10))
            plan.maxTicketsPerUser = 1
            let small = try await installation.seed(plan)
            #expect(try await client.reserve(small.zone).status == 202)
            try await installation.setMode("fifo", of: small)
            expectRefusal(try await client.join(small), 409, "MAX_PER_USER_EXCEEDED", field: "event_id")
            let sold = try await installation.seed(EventPlan(.general("Floor", 1)))
            _ = try await installation.client().buy(sold.zone)
            try await installation.setMode("fifo", of: sold)
            expectRefusal(try await client.join(sold), 409, "INSUFFICIENT_STOCK", field: "event_id")
        }

        @Test func wrongRequestsAreNamed() async throws {
            let (client, anonymous) = (try await installation.client(), try installation.anonymous())
            let path = "/api/v1/queue/join"
            let unknown = #"{"event_id":"01890000-0000-7000-8000-000000000000"}"#
            expectRefusal(try await anonymous.post(path, json: unknown), 401, "UNAUTHORIZED", field: "Authorization")
            expectRefusal(try await client.probe.post(path, json: unknown), 404, "NOT_FOUND", field: "event_id")
            expectRefusal(try await client.probe.post(path, json: "{}"), 400, "VALIDATION_ERROR", field: "event_id")
            expectRefusal(try await client.probe.post(path, json: #"{"event_id":"x"}"#), 400, "VALIDATION_ERROR", field: "event_id")
            expectRefusal(try await client.probe.post(path, json: #"{"event_id":7}"#), 400, "VALIDATION_ERROR", field: "event_id")
            expectRefusal(try await client.probe.post(path, json: #"{"place":1}"#), 400, "VALIDATION_ERROR", field: "place")
            expectRefusal(try await client.probe.get(path), 405, "METHOD_NOT_ALLOWED")
            for path in ["status", "status/stream"] {
                expectRefusal(try await client.probe.get("/api/v1/queue/\(path)"), 400, "VALIDATION_ERROR", field: "event_id", path)
                expectRefusal(
                    try await client.probe.get("/api/v1/queue/\(path)?event_id=01890000-0000-7000-8000-000000000000"), 404, "NOT_FOUND",
                    field: "event_id", path)
                expectRefusal(try await anonymous.get("/api/v1/queue/\(path)?event_id=x"), 401, "UNAUTHORIZED", field: "Authorization", path)
            }
            expectRefusal(try await client.probe.send("DELETE", "/api/v1/queue/leave"), 400, "VALIDATION_ERROR", field: "event_id")
        }

        @Test func onlyAnAdminSwitchesALine() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 1)))
            try await installation.stack.startWorker(queueRelease.program)
            let fifo = #"{"mode":"fifo"}"#
            for other in [try await installation.client(), try await installation.staff()] {
                expectRefusal(try await other.setMode(fifo, of: event.id), 403, "FORBIDDEN", field: "Authorization")
            }
            let admin = try await installation.operatorClient()
            expectRefusal(try await admin.setMode(#"{"mode":"lifo"}"#, of: event.id), 400, "VALIDATION_ERROR", field: "mode")
            expectRefusal(try await admin.setMode("{}", of: event.id), 400, "VALIDATION_ERROR", field: "mode")
            expectRefusal(try await admin.setMode(fifo, of: "01890000-0000-7000-8000-000000000000"), 404, "NOT_FOUND", field: "id")
            let path = "/api/v1/admin/events/\(event.id)/queue-mode"
            #expect(try await admin.probe.get(path).json["data"]["mode"].string == "off")
            let accepted = try await admin.setMode(fifo, of: event.id, key: "switch")
            let again = try await admin.setMode(fifo, of: event.id, key: "switch")
            #expect(accepted.status == 202 && again.header("Idempotency-Replayed") == "true", "\(accepted.text)")
            #expect(accepted.json["data"]["operation_id"].string == again.json["data"]["operation_id"].string)
            expectRefusal(try await admin.setMode(#"{"mode":"off"}"#, of: event.id, key: "switch"), 422, "IDEMPOTENCY_KEY_REUSED")
            #expect(try await admin.outcome(of: try Client.Accepted(accepted).operation)["status"].string == "succeeded")
            let line = try await admin.probe.get(path).json["data"]
            #expect(line["mode"].string == "fifo" && line["origin"].string == "operator" && line["actor"].string == admin.user.id)
        }
    }
}
