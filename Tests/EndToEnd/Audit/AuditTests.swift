import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The audit from outside: what was done is on record, only admins read it, and whoever changes it is found out.
    @Suite struct Audit {
        private static let path = "/api/v1/admin/audit-logs"

        let installation: Installation

        init() throws {
            installation = try .running()
        }

        /// The rows that a query finds, once there are so many.
        private func rows(_ count: Int, _ query: String, _ admin: Client) async throws -> [JSONValue] {
            var found: [JSONValue] = []
            try await waitUntil("\(count) rows of \(query)", limit: .seconds(60), pause: .milliseconds(700)) {
                found = try await admin.probe.get("\(Self.path)?\(query)").json["data"].array ?? []
                return found.count >= count
            }
            return found
        }

        @Test func theTrailOfAJourneyIsReadByAdmins() async throws {
            let admin = try await installation.operatorClient()
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            var probe = try installation.stack.probe()
            let mark = UUID().uuidString
            probe.headers += [("X-Request-ID", "reserve-\(mark)"), ("User-Agent", #"audit-"test"/\1"#)]
            let buyer = try await installation.client()
            let held = try await Client(user: buyer.user, probe: probe).hold(zone, quantity: 2)
            probe = try installation.stack.probe()
            probe.headers += [("X-Request-ID", "audit-\(held.id)"), ("User-Agent", "audit-test/1")]
            let cancel = try await Client(user: buyer.user, probe: probe).cancel(held.id)
            #expect(cancel.status == 202)
            #expect(try await buyer.ending(of: held.id) == "cancelled")

            // What became of the booking, each state with the one before it.
            let states = try await rows(2, "entity=booking&entity_id=\(held.id)", admin)
            #expect(states.map { $0["action"].string } == ["booking.cancelled", "booking.created"])
            #expect(states[0]["old"]["status"].string == "reserved" && states[0]["new"]["status"].string == "cancelled")
            #expect(states[1]["old"] == .null && states[1]["new"]["quantity"].int == 2)
            #expect(states[0]["source"]["topic"].string == "booking.events" && states[0]["source"]["hash"].string?.utf8.count == 64)

            // Who asked for it, from where: of a reserve its own event says so.
            #expect(states[1]["request_id"].string == "reserve-\(mark)" && states[1]["agent"].string == #"audit-"test"/\1"#)
            #expect(states[1]["address"].string == "127.0.0.1" && states[0]["request_id"] == .null)
            #expect(try await rows(1, "request_id=reserve-\(mark)", admin).map { $0["action"].string } == ["booking.created"])
            let wish = try #require(try await rows(1, "request_id=audit-\(held.id)", admin).first)
            #expect(wish["action"].string == "POST /bookings/{id}/cancel" && wish["entity_id"].string == held.id)
            #expect(wish["agent"].string == "audit-test/1" && wish["address"].string != nil && wish["trace_id"].string?.utf8.count == 32)
            #expect(wish["actor"].string == states[1]["actor"].string)
            let mine = try await rows(3, "actor=\(wish["actor"].string ?? "")", admin)
            #expect(mine.count == 3)

            // Reading it is on record, too.
            let looks = try await rows(1, "action=audit.read&entity=audit_logs&per_page=100", admin)
            #expect(looks.allSatisfy { $0["actor"].string?.isEmpty == false })
        }

        @Test func whoJoinsAndLeavesALineIsFoundByItsEvent() async throws {
            let admin = try await installation.operatorClient()
            let event = try await installation.lined(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            #expect(try await client.join(event).status == 202)
            #expect(try await client.leave(event).status == 202)
            let wishes = try await rows(2, "entity=queue&entity_id=\(event.id)&actor=\(client.user.id)", admin)
            #expect(wishes.map { $0["action"].string } == ["DELETE /queue/leave", "POST /queue/join"])
        }

        @Test func onlyAnAdminIsLetInAndAWrongQueryIsNamed() async throws {
            expectRefusal(try await installation.anonymous().get(Self.path), 401, "UNAUTHORIZED", field: "Authorization")
            for client in [try await installation.client(), try await installation.staff()] {
                expectRefusal(try await client.probe.get(Self.path), 403, "FORBIDDEN", field: "Authorization")
            }
            let admin = try await installation.operatorClient()
            for (query, field) in [
                ("actr=x", "actr"), ("from=yesterday", "from"), ("to=x", "to"), ("tenant=x", "tenant"), ("cursor=x", "cursor"), ("actor=", "actor"),
                ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"), ("cursor=1.1.1&page=2", "page"), ("page=51", "page"),
                ("per_page=101", "per_page"), ("entity_id=a%00b", "entity_id"),
            ] {
                expectRefusal(try await admin.probe.get("\(Self.path)?\(query)"), 400, "VALIDATION_ERROR", field: field, query)
            }
        }

        @Test func pagesGoOnByTheCursorWhateverIsAddedMeanwhile() async throws {
            let admin = try await installation.operatorClient()
            let zone = try await installation.seed(EventPlan(.general("Floor", 40))).zone
            let held = try await atOnce(12) { _ in try await installation.client().hold(zone).id }
            for id in held { _ = try await rows(1, "entity_id=\(id)", admin) }
            var (seen, cursor, pages) = ([String](), "", 0)
            repeat {
                let query = "action=booking.created&per_page=5" + (cursor.isEmpty ? "" : "&cursor=\(cursor)")
                let page = try await admin.probe.get("\(Self.path)?\(query)").json
                seen += (page["data"].array ?? []).compactMap { $0["entity_id"].string }
                cursor = page["meta"]["next_cursor"].string ?? ""
                pages += 1
                _ = try await installation.client().hold(zone)
            } while !cursor.isEmpty && pages < 20 && !Set(held).isSubset(of: seen)
            #expect(Set(held).isSubset(of: seen) && Set(seen).count == seen.count && pages >= 3)
        }

        private func verified(_ installation: Installation) async throws -> (status: Int32, report: JSONValue) {
            let output = try await installation.run(["audit", "verify", "--json"])
            return (output.status, try JSONDecoder().decode(JSONValue.self, from: Data(output.text.utf8)))
        }

        @Test func whoeverChangesTheAuditIsFoundOut() async throws {
            // On its own: a chain that was cut stays cut.
            try await Installation.with(workers: ["audit", "expiry"]) { installation in
                let zone = try await installation.seed(EventPlan(.general("Floor", 100))).zone
                let clients = try await installation.clients(50)
                // The ingress takes none until somebody has vouched for Redis.
                try await waitUntil("reserves are taken", limit: .seconds(30)) { try await clients[0].reserve(zone).status == 202 }
                let held = try await atOnce(29) { try await clients[$0 + 1].hold(zone).id }
                try await waitUntil("the bookings are in the audit", limit: .seconds(60)) {
                    try await installation.psql("SELECT count(*) FROM audit_logs WHERE action = 'booking.created'") == [["30"]]
                }
                // Killed in the middle of it, and what was read before read again: nothing is lost or doubled.
                try await installation.stack.kill(.worker("audit"))
                let more = try await atOnce(20) { try await clients[$0 + 30].hold(zone).id }
                try await installation.stack.startWorker("audit")
                try await waitUntil("all are in the audit", limit: .seconds(60)) {
                    try await installation.psql("SELECT count(*), count(DISTINCT entity_id) FROM audit_logs WHERE action = 'booking.created'") == [
                        ["50", "50"]
                    ]
                }
                let whole = try await verified(installation)
                #expect(whole.status == 0 && whole.report["ok"].bool == true && whole.report["ends_compared"].bool == true, "\(whole.report)")

                _ = try await installation.psql(
                    "SET session_replication_role = replica; UPDATE audit_logs SET actor = 'operator:nobody' WHERE entity_id = '\(held[3])'")
                let changed = try await verified(installation)
                #expect(changed.status == 1 && changed.report["broken"][0]["kind"].string == "changed", "\(changed.report)")
                let people = try await installation.run(["audit", "verify", "--offline"])
                #expect(people.status == 1 && people.text.contains("DOES NOT HOLD") && people.text.contains("changed"))

                // The end of a chain cut off with its mark: only the topic knows better.
                _ = try await installation.psql(
                    """
                    SET session_replication_role = replica; DELETE FROM audit_logs; DELETE FROM audit_chains
                    """)
                await installation.stack.stop(.worker("audit"))
                let gone = try await verified(installation)
                let missing = (gone.report["broken"].array ?? []).filter { $0["kind"].string == "missing_at_end" }
                #expect(gone.status == 1 && missing.count >= held.count + more.count)

                // And the topics bring it back.
                for topic in ["audit.events", "booking.events", "payment.events"] {
                    // A named member is one of the group until its session is over.
                    try await waitUntil("the group is set back", limit: .seconds(30)) {
                        try await installation.run(["replay", "group", "audit", "--topic", topic, "--from-offset", "0", "--yes"]).status == 0
                    }
                }
                try await installation.stack.startWorker("audit")
                try await waitUntil("the audit is back", limit: .seconds(60)) {
                    try await installation.psql("SELECT count(*), count(DISTINCT entity_id) FROM audit_logs WHERE action = 'booking.created'") == [
                        ["50", "50"]
                    ]
                }
                try await waitUntil("the chains hold", limit: .seconds(30)) { try await verified(installation).status == 0 }
            }
        }

        @Test func oldMonthsAreExportedReadBackAndDropped() async throws {
            let admin = try await installation.operatorClient()
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("retain-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: folder) }
            // What happened nine years ago, told today.
            let job = UUID().uuidString
            let values = (0..<5).map {
                #"{"audit_id":"\#(job)-\#($0)","actor":"operator:root","action":"dlq.redrive","entity":"dead_letters","entity_id":"\#(job)","#
                    + #""outcome":"accepted","new":{"n":\#($0)},"at_ms":\#(1_500_000_000_000 + $0)}"#
            }
            try await installation.produce("audit.events", key: job, type: "audit.recorded.v1", values: values)
            _ = try await rows(5, "entity_id=\(job)", admin)
            let plan = try await installation.rushctl("audit", "retain", "--directory", folder, "--older-than", "8y", "--dry-run")
            #expect(plan.contains("would be exported") && !FileManager.default.fileExists(atPath: folder))
            let refused = try await installation.run(["audit", "retain", "--directory", folder, "--older-than", "8y"])
            #expect(refused.status == 64)
            let done = try JSONDecoder().decode(
                JSONValue.self,
                from: Data(try await installation.rushctl("audit", "retain", "--directory", folder, "--older-than", "8y", "--yes", "--json").utf8))
            let export = try #require(done["exported"].array?.first { $0["month"].string == "2017-07-01" })
            #expect(export["rows"].int == 5)
            let lines = try await Command.run("/bin/zcat", [export["file"].string ?? ""], environment: [:], limit: .seconds(10)).text
            #expect(lines.split(separator: "\n").count == 5 && lines.contains(job))
            #expect(try await admin.probe.get("\(Self.path)?entity_id=\(job)&to=2018-01-01T00:00:00Z").json["data"].array?.isEmpty == true)
            // The drop itself is on record, and the chains hold over the gap.
            let records = try await rows(2, "action=audit.retain&entity_id=2017-07-01", admin)
            #expect(records.map { $0["outcome"].string } == ["succeeded", "accepted"])
            #expect(try await installation.run(["audit", "verify", "--offline"]).status == 0)
        }
    }
}
