import Foundation
import LocalStack
import TestSupport
import Testing

/// The broker with all its topics is gone; what bookings were is told anew, and both stores can be made of that.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LostTopic {
    private struct Report: Decodable {
        var missing: [String: Int]
        var emitted: Int
    }

    private func repair(_ installation: Installation, _ arguments: String...) async throws -> Report {
        let output = try await installation.run(["inventory", "repair-topic", "--json"] + arguments)
        guard output.status == 0 else { throw TestFailure("repair-topic: \(output.errors)") }
        return try JSONDecoder().decode(Report.self, from: Data(output.text.utf8))
    }

    @Test func itsEventsComeBackFromPostgresAndRedis() async throws {
        try await Installation.with(workers: ["inventory-sync", "expiry"]) { installation in
            let zone = try await installation.seed(EventPlan(.general("Floor", 20))).zone
            let clients = try await installation.clients(6)
            var held: [Client.Held] = []
            for client in clients { held.append(try await client.hold(zone)) }
            #expect(try await clients[0].cancel(held[0].id).status == 202)
            #expect(try await clients[0].ending(of: held[0].id) == "cancelled")
            let before = try await installation.checkInventory()
            #expect(before.holds, "\(before.report)")
            #expect(try await repair(installation, "--dry-run").missing.isEmpty)

            try await installation.stack.kill(.broker)
            try await installation.stack.eraseData(of: .broker)
            try await installation.stack.restart(.broker)
            #expect(try await repair(installation, "--dry-run").missing == ["booking.created.v1": 5, "booking.cancelled.v1": 1])
            #expect(try await repair(installation, "--yes").emitted == 6)
            #expect(try await repair(installation, "--yes").emitted == 0)
            let after = try await installation.checkInventory()
            #expect(after.holds, "\(after.report)")
            // The tables, made of the topic alone, are as they were.
            let rebuilt = try await installation.run(["replay", "rebuild", "bookings", "--yes"])
            #expect(rebuilt.status == 0, "\(rebuilt.errors)")
            let audited = try await TopicReader.all("audit.events", installation).filter { $0.value["action"].string == "inventory.repair_topic" }
            #expect(audited.compactMap { $0.value["outcome"].string } == ["accepted", "succeeded"])
        }
    }
}
