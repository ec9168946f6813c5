import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Who may use the operators' routes, and what they refuse.
    @Suite struct AdminAccess {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        private static let reads = [
            "dlq/groups", "dlq/messages", "dlq/messages/payment.dlq/0/0", "replays", "lag", "jobs", "jobs/01890000-0000-7000-8000-000000000000",
        ]
        private static let writes = ["dlq/redrive", "dlq/discard", "dlq/export", "dlq/import", "replays"]

        @Test func onlyAnAdminIsLetIn() async throws {
            _ = try await installation.seed(EventPlan(.general("Floor", 1)))
            let (buyer, organizer) = (try await installation.client(), try await installation.staff())
            let anonymous = try installation.anonymous()
            for path in Self.reads.map({ "/api/v1/admin/\($0)" }) {
                expectRefusal(try await anonymous.get(path), 401, "UNAUTHORIZED", field: "Authorization", path)
                for client in [buyer, organizer] {
                    expectRefusal(try await client.probe.get(path), 403, "FORBIDDEN", field: "Authorization", path)
                }
            }
            for path in Self.writes.map({ "/api/v1/admin/\($0)" }) {
                expectRefusal(try await anonymous.post(path, json: "{}"), 401, "UNAUTHORIZED", field: "Authorization", path)
                for client in [buyer, organizer] {
                    expectRefusal(try await client.probe.post(path, json: "{}"), 403, "FORBIDDEN", field: "Authorization", path)
                }
                // Nothing was written down of what was refused.
                let other = try await anonymous.get(path)
                #expect([401, 403, 405].contains(other.status), "\(path)")
            }
        }

        @Test func anAdminReads() async throws {
            let admin = try await installation.operatorClient()
            for path in ["dlq/groups", "dlq/messages", "replays", "lag", "jobs"] {
                let answer = try await admin.probe.get("/api/v1/admin/\(path)")
                #expect(answer.status == 200, "\(path): \(answer.text)")
                #expect(answer.json["data"].array != nil, "\(path)")
            }
            expectRefusal(try await admin.probe.get("/api/v1/admin/dlq/messages/payment.dlq/0/999999"), 404, "NOT_FOUND", field: "offset")
            expectRefusal(try await admin.probe.get("/api/v1/admin/jobs/01890000-0000-7000-8000-000000000000"), 404, "NOT_FOUND", field: "id")
        }

        @Test(arguments: [
            ("dlq/messages?page=0", "page"), ("dlq/messages?per_page=101", "per_page"), ("dlq/messages?since=yesterday", "since"),
            ("dlq/messages?status=new", "status"), ("dlq/messages?group=", "group"), ("dlq/messages/payment.dlq/x/1", "partition"),
            ("dlq/messages/payment.dlq/0/-1", "offset"), ("jobs/x", "id"), ("jobs?page=x", "page"),
        ])
        func aWrongQueryIsNamed(path: String, field: String) async throws {
            let admin = try await installation.operatorClient()
            expectRefusal(try await admin.probe.get("/api/v1/admin/\(path)"), 400, "VALIDATION_ERROR", field: field, path)
        }

        @Test(arguments: [
            ("dlq/redrive", "[]", "body"), ("dlq/redrive", "{}", "filter"), ("dlq/redrive", #"{"filter":{}}"#, "filter"),
            ("dlq/redrive", #"{"all":true,"filter":{"group":"payment"}}"#, "all"),
            ("dlq/redrive", #"{"filter":{"grop":"payment"}}"#, "filter.grop"), ("dlq/redrive", #"{"filter":{"group":7}}"#, "filter.group"),
            ("dlq/redrive", #"{"filter":{"group":"nobody"}}"#, "filter.group"),
            ("dlq/redrive", #"{"filter":{"since":"x"}}"#, "filter.since"), ("dlq/redrive", #"{"filter":{"places":["x"]}}"#, "filter.places"),
            ("dlq/redrive", #"{"filter":{"places":[]}}"#, "filter.places"),
            ("dlq/redrive", #"{"filter":{"group":"payment"},"max_redrives":0}"#, "max_redrives"),
            ("dlq/redrive", #"{"filter":{"group":"payment"},"rate":0}"#, "rate"),
            ("dlq/redrive", #"{"filter":{"group":"payment"},"dry_run":"yes"}"#, "dry_run"),
            ("dlq/redrive", #"{"filter":{"group":"payment"},"reason":"x"}"#, "reason"),
            ("dlq/discard", #"{"filter":{"group":"payment"}}"#, "reason"), ("dlq/discard", #"{"filter":{"group":"payment"},"reason":""}"#, "reason"),
            ("dlq/export", "{}", "filter"), ("replays", "{}", "topic"), ("replays", #"{"topic":"booking.events"}"#, "into"),
            ("replays", #"{"topic":"booking.events","into":{"group":"inventory-sync"},"dry_run":true}"#, "body"),
            ("replays", #"{"topic":"booking.events","from":{"time":"x"},"into":{"group":"inventory-sync"}}"#, "from.time"),
            ("replays", #"{"topic":"nothing.events","into":{"worker":"inventory-sync"}}"#, "topic"),
            ("replays", #"{"topic":"booking.events","into":{"worker":"nobody"}}"#, "into.worker"),
            ("replays", #"{"topic":"booking.events","into":{"rebuild":"nothing"}}"#, "into.rebuild"),
            ("replays", #"{"topic":"booking.events","into":{"group":"payment","worker":"expiry"}}"#, "into"),
            ("replays", #"{"topic":"booking.events","from":{"offset":-1},"into":{"worker":"inventory-sync"}}"#, "from.offset"),
            ("replays", #"{"topic":"booking.events","partitions":[1,1],"into":{"worker":"inventory-sync"}}"#, "partitions"),
        ])
        func aWrongBodyIsNamed(path: String, body: String, field: String) async throws {
            let admin = try await installation.operatorClient()
            expectRefusal(try await admin.probe.post("/api/v1/admin/\(path)", json: body), 400, "VALIDATION_ERROR", field: field, "\(path) \(body)")
        }
    }
}
