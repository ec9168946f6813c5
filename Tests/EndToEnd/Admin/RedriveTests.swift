import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Dead letters, from the poison to the day when all is well again, by the operators' routes alone.
    @Suite struct DeadLetters {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        /// Waits until the dead letters that a query finds are so many.
        @discardableResult
        private func deadLetters(_ count: Int, _ query: String, _ admin: Client) async throws -> [JSONValue] {
            var found: [JSONValue] = []
            try await waitUntil("\(count) dead letters of \(query)", limit: .seconds(60), pause: .milliseconds(700)) {
                found = try await admin.deadLetters(query)
                // One that comes between two pages pushes another onto both.
                return found.count >= count && Set(found.compactMap { $0["place"].string }).count == found.count
            }
            #expect(found.count == count)
            return found
        }

        private func audit(of operation: String) async throws -> [(headers: [String: String], value: JSONValue)] {
            try await TopicReader.records("audit.events", key: operation, installation)
        }

        @Test func poisonIsFoundMendedRedrivenAndHandled() async throws {
            let admin = try await installation.operatorClient()
            // A fault as a bad release brings it: PostgreSQL refuses the rows of one zone.
            var plan = EventPlan(.general("Floor", 10))
            plan.zones[0].priceMinor = 7_777
            let zone = try await installation.seed(plan).zone
            let broken = "poison_\(UUID().uuidString.prefix(8).lowercased())"
            _ = try await installation.psql("ALTER TABLE bookings ADD CONSTRAINT \(broken) CHECK (unit_price_minor <> 7777) NOT VALID")
            let buyer = try await installation.client()
            let held = try await buyer.hold(zone)
            let query = "group=inventory-sync&key=\(held.id)"
            let letter = try await deadLetters(1, query, admin)[0]
            let place = try #require(letter["place"].string)
            #expect(letter["status"].string == "open" && letter["type"].string == "booking.created.v1")

            // The group of failures, and the message itself.
            let groups = try await admin.probe.get("/api/v1/admin/dlq/groups").json["data"].array ?? []
            let group = try #require(
                groups.first {
                    $0["group"].string == "inventory-sync" && $0["error_class"].string == letter["error_class"].string
                        && $0["site"].string == letter["site"].string
                })
            #expect((group["count"].int ?? 0) >= 1 && group["first"].string != nil && group["last"].string != nil)
            #expect(group["site"].string?.contains(broken) == true, "\(group)")
            let shown = try await admin.probe.get("/api/v1/admin/dlq/messages/\(place)")
            #expect(shown.status == 200 && shown.json["data"]["decoded"]["booking_id"].string == held.id, "\(shown.text)")
            #expect(shown.json["data"]["dead_letter"]["headers"].array?.isEmpty == false)
            #expect(try await audit(of: place).map { $0.value["action"].string } == ["dlq.show"])

            // A dry run says what would be done, and does nothing.
            let wish = #"{"filter":{"group":"inventory-sync","key":"\#(held.id)"}"#
            let dry = try await admin.admin("dlq/redrive", "\(wish),\"dry_run\":true}")
            #expect(dry.status == 200 && dry.json["data"]["matched"].int == 1, "\(dry.text)")
            #expect(dry.json["data"]["dry_run"].bool == true && dry.json["data"]["stayed"].int == 0)
            #expect(dry.json["data"]["reasons"][0]["error_class"].string == letter["error_class"].string)
            #expect(try await admin.deadLetters(query)[0]["status"].string == "open")

            _ = try await installation.psql("ALTER TABLE bookings DROP CONSTRAINT \(broken)")
            let key = Client.newKey()
            let asked = try await admin.admin("dlq/redrive", "\(wish)}", key: key)
            let accepted = try Client.Accepted(asked)
            #expect(accepted.resource == "/api/v1/admin/jobs/\(accepted.operation)")
            let again = try await admin.admin("dlq/redrive", "\(wish)}", key: key)
            #expect(again.json["data"] == asked.json["data"] && again.header("Idempotency-Replayed") == "true")
            expectRefusal(
                try await admin.admin("dlq/redrive", #"{"all":true}"#, key: key), 422, "IDEMPOTENCY_KEY_REUSED", field: "Idempotency-Key")
            #expect(try await admin.outcome(of: accepted.operation)["status"].string == "succeeded")

            // Handled by the consumer that failed.
            try await waitUntil("the booking is projected", limit: .seconds(30)) {
                try await installation.psql("SELECT status FROM bookings WHERE id = '\(held.id)'").first?.first == "reserved"
            }
            #expect(try await admin.deadLetters(query).map { $0["status"].string } == ["redriven"])
            let job = try await admin.probe.get(accepted.resource).json["data"]
            #expect(job["status"].string == "succeeded" && job["report"]["redriven"].int == 1, "\(job)")

            let entries = try await audit(of: accepted.operation)
            #expect(entries.map { $0.value["outcome"].string } == ["accepted", "succeeded"])
            for entry in entries {
                #expect(entry.headers["ce_type"] == "audit.recorded.v1")
                #expect(entry.value["actor"].string == admin.user.id && entry.value["action"].string == "dlq.redrive")
                #expect(entry.value["address"].string?.isEmpty == false && entry.value["request_id"].string == asked.header("X-Request-ID"))
            }
            #expect(entries.first?.value["new"]["filter"]["key"].string == held.id)
            #expect(entries.last?.value["new"]["report"]["redriven"].int == 1)
        }

        @Test func aKilledWorkerRedrivesEachMessageOnce() async throws {
            let admin = try await installation.operatorClient()
            let (count, key) = (300, "killed-\(UUID().uuidString)")
            try await installation.produce(
                "booking.commands", key: key, type: "booking.cancel.v1", values: (0..<count).map { #"{"poison":\#($0)}"# })
            let letters = try await deadLetters(count, "group=expiry&status=open&key=\(key)", admin)
            let accepted = try Client.Accepted(await admin.admin("dlq/redrive", #"{"filter":{"group":"expiry","key":"\#(key)"},"rate":100}"#))
            func redriven() async throws -> [String] {
                try await TopicReader.records("expiry.redrive", key: key, installation).compactMap { $0.headers["redrive_of"] }
            }
            for share in [50, 150] {
                try await waitUntil("\(share) are redriven", limit: .seconds(60)) { try await redriven().count >= share }
                try await installation.stack.kill(.worker("ops"))
                try await installation.stack.startWorker("ops")
            }
            #expect(try await admin.outcome(of: accepted.operation, limit: .seconds(90))["status"].string == "succeeded")
            let places = try await redriven()
            #expect(places.count == count && Set(places) == Set(letters.compactMap { $0["place"].string }))
            // They fail again, being what they are: new dead letters that know how often they were redriven.
            let anew = try await deadLetters(count, "group=expiry&status=open&key=\(key)", admin)
            #expect(anew.allSatisfy { $0["redrives"].int == 1 })
            #expect(try await audit(of: accepted.operation).compactMap { $0.value["outcome"].string }.sorted() == ["accepted", "succeeded"])
        }

        @Test func aToolThatIsKilledAndRunAgainRedrivesEachMessageOnce() async throws {
            let admin = try await installation.operatorClient()
            let (count, key) = (300, "tool-\(UUID().uuidString)")
            try await installation.produce(
                "booking.commands", key: key, type: "booking.cancel.v1", values: (0..<count).map { #"{"poison":\#($0)}"# })
            let letters = try await deadLetters(count, "group=expiry&status=open&key=\(key)", admin)
            func redriven() async throws -> [String] {
                try await TopicReader.records("expiry.redrive", key: key, installation).compactMap { $0.headers["redrive_of"] }
            }
            // What fails again is a dead letter of its own, of a later time.
            let now = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            let command = [
                "dlq", "redrive", "--group", "expiry", "--key", key, "--until", now, "--rate", "30", "--yes", "--json", "--resume",
                UUID().uuidString,
            ]
            for share in [50, 150] {
                // A tool whose test gives it up is killed: SIGKILL.
                let tool = Task { [installation] in try await installation.run(command) }
                try await waitUntil("\(share) are redriven", limit: .seconds(60)) { try await redriven().count >= share }
                tool.cancel()
                _ = await tool.result
                #expect(try await redriven().count < count)
            }
            let done = try await installation.run(command)
            #expect(done.status == 0, "\(done.errors)")
            let places = try await redriven()
            #expect(places.count == count && Set(places) == Set(letters.compactMap { $0["place"].string }))
        }

        @Test func deadLettersAreExportedDiscardedAndImported() async throws {
            let admin = try await installation.operatorClient()
            let key = "put-aside-\(UUID().uuidString)"
            try await installation.produce("booking.commands", key: key, type: "booking.cancel.v1", values: [#"{"a":1}"#, #"{"a":2}"#])
            try await deadLetters(2, "group=expiry&key=\(key)", admin)
            let wish = #"{"filter":{"group":"expiry","key":"\#(key)"}"#
            let exported = try await admin.admin("dlq/export", "\(wish)}")
            let lines = exported.text.split(separator: "\n")
            #expect(exported.status == 200 && exported.header("Content-Type") == "application/x-ndjson" && lines.count == 2)

            let dry = try await admin.admin("dlq/discard", "\(wish),\"reason\":\"a test\",\"dry_run\":true}")
            #expect(dry.status == 200 && dry.json["data"]["matched"].int == 2, "\(dry.text)")
            let accepted = try Client.Accepted(await admin.admin("dlq/discard", "\(wish),\"reason\":\"a test\"}"))
            #expect(try await admin.outcome(of: accepted.operation)["status"].string == "succeeded")
            #expect(try await admin.deadLetters("group=expiry&key=\(key)").allSatisfy { $0["status"].string == "discarded" })

            for (body, field) in [("", "body"), ("{}\n[]\n", "line 2"), ("{\n", "line 1")] {
                let answer = try await admin.probe.send(
                    "POST", "/api/v1/admin/dlq/import", headers: [("Content-Type", "application/x-ndjson")], body: Array(body.utf8))
                expectRefusal(answer, 400, "VALIDATION_ERROR", field: field, body)
            }
            expectRefusal(try await admin.admin("dlq/import", "{}"), 415, "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type")
            let imported = try Client.Accepted(
                await admin.probe.send("POST", "/api/v1/admin/dlq/import", headers: [("Content-Type", "application/x-ndjson")], body: exported.body))
            #expect(try await admin.outcome(of: imported.operation)["status"].string == "succeeded")
            let job = try await admin.probe.get(imported.resource).json["data"]
            #expect(job["report"]["imported"].int == 2, "\(job)")
            try await deadLetters(2, "group=expiry&status=open&key=\(key)", admin)
        }
    }
}
