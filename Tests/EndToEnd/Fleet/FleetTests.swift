import Foundation
import Glibc
import LocalStack
import TestSupport
import Testing

/// The fleet from outside: real workers that follow a real backlog, and the commands on them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FleetTests {
    /// Where a copy does one payment at a time, a gateway of 100 ms makes a backlog of a small rush.
    private static let file = """
        sample: 500ms
        drain: 20s
        workers:
          inventory-sync:
            topics: [booking.events]
            lag: {messages: 5000}
            copies: {min: 1, max: 2}
          payment:
            topics: [payment.commands]
            lag: {messages: 10}
            copies: {min: 2, max: 5}
            cool_down: 2s
            environment:
              PAYMENT_CONCURRENCY: "1"
        """
    private static let buyers = 100
    /// The ingress waits for one that vouches for Redis, so this one is not the fleet's.
    private static let others = ["expiry"]

    @Test func aRushOfPaymentsTakesTheFleetUpAndItComesBack() async throws {
        try await Installation.with(workers: Self.others, simulatorOptions: ["--latency-ms", "100"]) { installation in
            try await RunningFleet.with(installation, file: Self.file) { fleet in
                let zone = try await installation.seed(EventPlan(.general("Floor", 1_000))).zone
                let clients = try await installation.clients(Self.buyers)
                let held = try await atOnce(Self.buyers) { try await clients[$0].hold(zone).id }
                #expect(try await fleet.worker("payment")["running"].int == 2)
                let began = ContinuousClock.now
                let paid = try await atOnce(Self.buyers) { try Client.Accepted(await clients[$0].pay(held[$0])) }

                var most = 0
                try await waitUntil("the fleet has grown, done its work, and shrunk to 2", limit: .seconds(120), pause: .milliseconds(300)) {
                    let payment = try await fleet.worker("payment")
                    most = max(most, payment["running"].int ?? 0)
                    return most > 2 && payment["running"].int == 2 && payment["target"].int == 2 && payment["lag_messages"].int == 0
                }
                report("\(Self.buyers) payments, gateway of 100 ms: from 2 to \(most) copies and back in \(ContinuousClock.now - began)")
                #expect(most > 2)

                for (client, payment) in zip(clients, paid) {
                    #expect(try await client.outcome(of: payment.operation)["status"].string == "succeeded")
                }
                let rows = try await installation.psql(
                    "SELECT count(*), count(DISTINCT booking_id), min(captured_minor), max(captured_minor) FROM payments")
                #expect(rows == [["\(Self.buyers)", "\(Self.buyers)", "150000", "150000"]])
                let verdict = try await installation.checkInventory()
                #expect(verdict.holds, "\(verdict.report)")

                // Every step stands in the log, with its reason; and nobody had to be killed.
                let log = try fleet.log()
                let decisions = log.filter { $0["event"].string == "decision" && $0["worker"].string == "payment" }
                #expect(
                    decisions.contains {
                        $0["reason"].string == "messages" && ($0["to"].int ?? 0) > ($0["from"].int ?? 0) && $0["lag_messages"].int != nil
                    })
                #expect(decisions.contains { $0["reason"].string == "calm" && $0["to"].int == ($0["from"].int ?? 0) - 1 })
                #expect(log.count { $0["event"].string == "drained" } == most - 2)
                #expect(!log.contains { $0["event"].string == "killed" || $0["event"].string == "crashed" })
            }
        }
    }

    @Test func copiesThatCrashComeBackAndAnOperatorHasTheLastWord() async throws {
        try await Installation.with(workers: Self.others) { installation in
            try await RunningFleet.with(installation, file: Self.file) { fleet in
                let pid = try #require(try await fleet.worker("payment")["copies"][1]["pid"].int)
                kill(pid_t(pid), SIGKILL)
                try await waitUntil("the copy is back", limit: .seconds(30)) {
                    let payment = try await fleet.worker("payment")
                    let copy = payment["copies"][1]
                    return payment["running"].int == 2 && copy["restarts"].int == 1 && copy["last_exit"].string == "signal 9"
                        && copy["pid"].int != pid
                }
                #expect(try fleet.log().contains { $0["event"].string == "crashed" && $0["worker"].string == "payment" && $0["copy"].int == 2 })

                #expect(try await fleet.command("scale", "payment", "4").status == 0)
                let scaled = try await fleet.worker("payment")
                #expect(scaled["running"].int == 4 && scaled["automatic"].bool == false && scaled["reason"].string == "fixed")
                let wrong = try await fleet.command("scale", "payment", "40")
                #expect(wrong.status == 1 && wrong.errors.contains("12 partitions"))
                #expect(try await fleet.command("scale", "payment", "many").status == 64)
                let unknown = try await fleet.command("scale", "paiment", "3")
                #expect(unknown.status == 1 && unknown.errors.contains("there are inventory-sync, payment"))

                // Nothing is drained by a dry run, or without a yes.
                #expect(try await fleet.command("drain", "payment", "--dry-run").status == 0)
                #expect(try await fleet.command("drain", "payment").status == 1)
                #expect(try await fleet.worker("payment")["running"].int == 4)
                let first = try #require(try await fleet.worker("payment")["copies"][0]["pid"].int)
                #expect(try await fleet.command("drain", "payment", "--copy", "1", "--yes").status == 0)
                try await waitUntil("copy 1 is another process") {
                    try await fleet.worker("payment")["copies"][0]["pid"].int.map { $0 != first } ?? false
                }
                #expect(try await fleet.command("drain", "payment", "--yes").status == 0)
                #expect(try await fleet.worker("payment")["copies"].array?.isEmpty == true)

                // What is asked for meanwhile waits, and is done when the worker is back.
                let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
                let client = try await installation.client()
                let held = try await client.hold(zone)
                let accepted = try Client.Accepted(await client.pay(held.id))
                #expect(try await fleet.command("scale", "payment", "auto").status == 0)
                #expect(try await client.outcome(of: accepted.operation)["status"].string == "succeeded")
                let verdict = try await installation.checkInventory()
                #expect(verdict.holds, "\(verdict.report)")

                #expect(try await fleet.command("down", "--yes").status == 0)
                #expect(try await fleet.ended() == .code(0))
                let gone = try await fleet.command("status")
                #expect(gone.status == 1 && gone.errors.contains("none runs"))
            }
        }
    }

    @Test func itsFileIsReadAgainWhenItIsChangedAndOneThatIsWrongIsNot() async throws {
        try await Installation.with(workers: Self.others) { installation in
            try await RunningFleet.with(installation, file: Self.file) { fleet in
                try fleet.write(Self.file.replacing("copies: {min: 2, max: 5}", with: "copies: {min: 3, max: 5}"))
                try await waitUntil("the third copy runs") { try await fleet.worker("payment")["running"].int == 3 }
                // What cannot be used is said, and the fleet goes on as before.
                try fleet.write(Self.file.replacing("copies: {min: 2, max: 5}", with: "copies: {min: 9, max: 5}"))
                try await waitUntil("the fault is shown") { try await fleet.status()["fault"].string?.contains("fleet.yaml") == true }
                #expect(try await fleet.worker("payment")["min"].int == 3 && fleet.log().contains { $0["event"].string == "refused" })
                // SIGHUP reads it again, too.
                try fleet.hangUp()
                try await waitUntil("it was read again") { try fleet.log().count { $0["event"].string == "refused" } == 2 }
                try fleet.write(Self.file + "\n  ops: {topics: [ops.commands], lag: {messages: 500}, copies: {min: 1, max: 1}}\n")
                try await waitUntil("a worker that is new runs") { try await fleet.worker("ops")["running"].int == 1 }
                #expect(try await fleet.worker("payment")["min"].int == 2)
                #expect(try await fleet.status()["fault"].string == nil)
                try fleet.write(Self.file)
                try await waitUntil("it is gone") {
                    try await fleet.status()["workers"].array?.map { $0["worker"].string } == ["inventory-sync", "payment"]
                }
                #expect(!(try fleet.log().contains { $0["event"].string == "crashed" || $0["event"].string == "killed" }))
            }
        }
    }
}
