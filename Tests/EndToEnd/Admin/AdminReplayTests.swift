import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Replays by the operators' routes; what a replay does is told by the tests of the tool.
    @Suite struct AdminReplays {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func aProjectionIsRebuiltByTheAPIAndTheAuditSaysSo() async throws {
            let admin = try await installation.operatorClient()
            let buyer = try await installation.client()
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            _ = try await buyer.buy(zone)
            let body = #"{"into":{"rebuild":"payments"}}"#
            var records = 0
            try await waitUntil("the payment's events are there", pause: .milliseconds(700)) {
                let dry = try await admin.admin("replays", #"{"into":{"rebuild":"payments"},"dry_run":true}"#)
                #expect(dry.status == 200 && dry.json["data"]["request"]["topic"].string == "payment.events", "\(dry.text)")
                records = dry.json["data"]["records"].int ?? 0
                return records >= 1
            }

            let accepted = try Client.Accepted(await admin.admin("replays", body))
            let ended = try await admin.outcome(of: accepted.operation)
            #expect(ended["status"].string == "succeeded" && ended["type"].string == "replay", "\(ended)")
            let job = try await admin.probe.get(accepted.resource).json["data"]
            #expect(job["status"].string == "succeeded" && (job["report"]["read"].int ?? 0) >= records, "\(job)")
            let listed = try await admin.probe.get("/api/v1/admin/replays").json["data"].array ?? []
            #expect(listed.contains { $0["id"].string == accepted.operation && $0["status"].string == "succeeded" })
            let jobs = try await admin.probe.get("/api/v1/admin/jobs").json["data"].array ?? []
            #expect(jobs.first?["job_id"].string == accepted.operation)
            let entries = try await TopicReader.records("audit.events", key: accepted.operation, installation)
            #expect(entries.map { $0.value["outcome"].string } == ["accepted", "succeeded"])
            #expect(entries.first?.value["new"]["into"]["rebuild"].string == "payments")
        }

        @Test func whatTheToolRefusesEndsTheOperation() async throws {
            let admin = try await installation.operatorClient()
            let body = #"{"topic":"booking.events","from":{"offset":0},"into":{"group":"inventory-sync"}}"#
            let dry = try await admin.admin("replays", String(body.dropLast()) + #","dry_run":true}"#)
            #expect(dry.status == 200 && dry.json["data"]["obstacles"].array?.isEmpty == false, "\(dry.text)")
            let accepted = try Client.Accepted(await admin.admin("replays", body))
            let ended = try await admin.outcome(of: accepted.operation)
            #expect(ended["status"].string == "failed" && ended["error"]["code"].string == "INVALID_STATE", "\(ended)")
            #expect(ended["error"]["message"].string?.contains("active members") == true)
        }
    }
}
