import Foundation
import LocalStack
import TestSupport
import Testing

/// PostgreSQL is lost altogether: one command brings back from the topics what it reported, and everything goes on.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DatabaseLostTests {
    private static let file = """
        sample: 500ms
        drain: 20s
        workers:
          inventory-sync: {topics: [booking.events], lag: {messages: 5000}, copies: {min: 1, max: 2}}
          payment: {topics: [payment.commands], lag: {messages: 1000}, copies: {min: 2, max: 3}}
          ops: {topics: [ops.commands], lag: {messages: 1000}, copies: {min: 1, max: 2}}
        """
    /// The ingress waits for one that vouches for Redis, so this one is not the fleet's.
    private static let others = ["expiry"]
    /// What is compared: everything but when a row was written, and when the clock looks at it again.
    private static let compared: [(table: String, columns: String)] = [
        ("bookings", "*"), ("payments", "*"), ("vouchers", "*"), ("seat_zones", "id, capacity, available, held, sold, counts_version"),
        (
            "refunds",
            "id, tenant_id, payment_id, booking_id, event_id, user_id, cause, percent, amount_minor, currency, status, version, gateway_id, "
                + "operation_id, decided_by, error_code, error_message, requested_at, created_at, updated_at"
        ),
        ("operations", "id, tenant_id, user_id, type, resource, status, version, error_code, error_message"),
        ("saga_instances", "id, tenant_id, booking_id, operation_id, state, deadline_at"),
        ("event_cancellations", "event_id, tenant_id, operation_id, requested_by, status, released, refunds"),
    ]

    private func rows(_ installation: Installation) async throws -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for (table, columns) in Self.compared {
            rows[table] = try await installation.psql("SELECT t::text FROM (SELECT \(columns) FROM \(table) ORDER BY 1) t").map { $0.joined() }
        }
        return rows
    }

    private func ask(_ client: Client, _ payment: String) async throws -> String {
        let accepted = try Client.Accepted(
            await client.probe.post("/api/v1/payments/\(payment)/refund", headers: [("Idempotency-Key", Client.newKey())]))
        guard try await client.outcome(of: accepted.operation)["status"].string == "succeeded", let refund = accepted.refund else {
            throw TestFailure("no refund of payment \(payment)")
        }
        return refund
    }

    private func decide(_ organizer: Client, _ refund: String, _ decision: String) async throws {
        let accepted = try Client.Accepted(
            await organizer.probe.post("/api/v1/refunds/\(refund)/\(decision)", headers: [("Idempotency-Key", Client.newKey())]))
        #expect(try await organizer.outcome(of: accepted.operation)["status"].string == "succeeded")
    }

    /// Bookings, payments and refunds in every state that lasts.
    private func traffic(_ installation: Installation, _ zone: Event.Zone, _ cancelled: Event) async throws -> (buyer: Client, refund: String) {
        let clients = try await installation.clients(12)
        let organizer = try await installation.staff()
        let bought = try await atOnce(6) { try await clients[$0].buy(zone) }
        for number in 6..<8 { _ = try await clients[number].hold(zone) }
        let declined = try await clients[8].hold(zone)
        _ = try await clients[8].outcome(of: try Client.Accepted(await clients[8].pay(declined.id, GatewayToken.declined)).operation)
        let dropped = try await clients[9].hold(zone)
        #expect(try await clients[9].cancel(dropped.id).status == 202)
        #expect(try await clients[9].ending(of: dropped.id) == "cancelled")
        for number in 0..<2 { try await decide(organizer, try await ask(clients[number], bought[number].payment), "approve") }
        try await decide(organizer, try await ask(clients[2], bought[2].payment), "reject")
        let open = try await ask(clients[3], bought[3].payment)
        for number in 10..<12 { _ = try await clients[number].buy(cancelled.zone) }
        let asked = try Client.Accepted(await organizer.probe.post("/api/v1/events/\(cancelled.id)/cancel"))
        #expect(try await organizer.outcome(of: asked.operation)["status"].string == "succeeded")
        return (clients[3], open)
    }

    private func drop(_ installation: Installation) async throws {
        let url = installation.stack.endpoints.databaseURL
        let name = URL(fileURLWithPath: url).lastPathComponent
        let server = url.dropLast(name.count) + "postgres"
        let output = try await Command.run(
            "/usr/lib/postgresql/15/bin/psql", ["-X", "-d", String(server), "-c", "DROP DATABASE \(name) WITH (FORCE)"], environment: [:])
        guard output.status == 0 else { throw TestFailure("psql: \(output.errors)") }
    }

    @Test func everyRowComesBackAndNothingIsDoneTwice() async throws {
        try await Installation.with(workers: Self.others) { installation in
            try await RunningFleet.with(installation, file: Self.file) { fleet in
                let (plan, other) = (EventPlan(.general("Floor", 100)), EventPlan(.general("Floor", 10)))
                let zone = try await installation.seed(plan).zone
                let (buyer, open) = try await traffic(installation, zone, try await installation.seed(other))
                let organizer = try await installation.staff()
                let late = try await installation.clients(2)
                var verdict = try await installation.checkInventory()
                #expect(verdict.holds, "\(verdict.report)")
                let before = try await rows(installation)
                #expect(before["refunds"]?.count == 6 && before["vouchers"]?.count == 2 && before["event_cancellations"]?.count == 1)

                // While workers could decide on half a database nothing is begun.
                let refused = try await fleet.rushctl("replay", "database", "--yes")
                #expect(refused.status == 1 && refused.errors.contains("stop the members of"), "\(refused.errors)")

                try await drop(installation)
                // What Redis decides goes on meanwhile.
                let held = try await late[0].hold(zone)
                let paid = try Client.Accepted(await late[0].pay(held.id))
                _ = await installation.stack.stop(.worker("expiry", copy: 1))
                let files = [plan, other].flatMap { ["--catalogue", "\(installation.stack.configuration.directory)/\($0.slug).json"] }
                let without = try await fleet.rushctl("replay", "database", "--stop-fleet", "--dry-run")
                #expect(without.status == 1 && without.errors.contains("there is no catalogue"), "\(without.errors)")
                let dry = try await fleet.rushctl(["replay", "database", "--stop-fleet", "--dry-run", "--json"] + files)
                let planned = try JSONDecoder().decode(JSONValue.self, from: Data(dry.text.utf8))
                #expect(dry.status == 0 && planned["exists"].bool == false && planned["obstacles"].array?.isEmpty == true, "\(dry.text)\(dry.errors)")

                let start = ContinuousClock.now
                let done = try await fleet.rushctl(["replay", "database", "--stop-fleet", "--yes", "--json"] + files)
                #expect(done.status == 0, "\(done.errors)")
                report("a lost database with \(before.values.reduce(0) { $0 + $1.count }) rows came back in \(ContinuousClock.now - start)")
                let told = try JSONDecoder().decode(JSONValue.self, from: Data(done.text.utf8))
                #expect(told["created"].bool == true && told["rebuilds"].array?.allSatisfy { $0["left_out"].int == 0 } == true, "\(done.text)")
                try await installation.stack.startWorker("expiry")

                // What was accepted meanwhile is done, and what was there before is there again.
                #expect(try await late[0].outcome(of: paid.operation)["status"].string == "succeeded")
                try await waitUntil("the cancelled event was gone through once more", limit: .seconds(60)) {
                    try await installation.psql("SELECT count(*) FROM event_cancellations WHERE status = 'running'") == [["0"]]
                }
                let after = try await rows(installation)
                for (table, _) in Self.compared where table != "seat_zones" {
                    let missing = Set(before[table] ?? []).subtracting(after[table] ?? [])
                    #expect(missing.isEmpty, "\(table): \(missing)")
                }
                #expect(after["payments"]?.count == (before["payments"]?.count ?? 0) + 1 && after["refunds"]?.count == before["refunds"]?.count)

                // Traffic goes on: what waited for a decision is decided, and somebody new buys.
                try await decide(organizer, open, "approve")
                try await buyer.booking(try await booking(of: open, installation), becomes: "is refunded") { $0["status"].string == "refunded" }
                _ = try await late[1].buy(zone)
                verdict = try await installation.checkInventory()
                #expect(verdict.holds, "\(verdict.report)")

                // The inbox is empty: every command that was ever sent is delivered again, and nobody is charged or given money a second time.
                let settled = try await rows(installation)
                let again = try await fleet.rushctl(
                    "replay", "group", "payment", "--topic", "payment.commands", "--from-offset", "0", "--stop-fleet", "--yes", "--json")
                #expect(again.status == 0, "\(again.errors)")
                verdict = try await installation.checkInventory()
                #expect(verdict.holds, "\(verdict.report)")
                let replayed = try await rows(installation)
                for (table, _) in Self.compared { #expect(replayed[table] == settled[table], "\(table)") }
                #expect(try await fleet.worker("payment")["running"].int == 2)
            }
        }
    }

    private func booking(of refund: String, _ installation: Installation) async throws -> String {
        guard let id = try await installation.psql("SELECT booking_id FROM refunds WHERE id = '\(refund)'").first?.first else {
            throw TestFailure("no refund \(refund)")
        }
        return id
    }
}
