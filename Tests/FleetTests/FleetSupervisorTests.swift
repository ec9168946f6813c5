import Foundation
import Testing
import Topics

@testable import Fleet
@testable import LocalStack

/// The supervisor over copies that are only remembered.
@Suite(.timeLimit(.minutes(1)))
final class FleetSupervisorTests {
    private let runner = FakeRunner()
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fleet-\(UUID().uuidString)").path

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func fleet(_ workers: WorkerPlan...) throws -> FleetSupervisor {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var backoff = FleetSupervisor.Backoff()
        backoff.first = .milliseconds(20)
        return FleetSupervisor(
            plan: FleetPlan(sample: .milliseconds(100), workers: workers), runner: runner, directory: folder,
            log: FleetLog(path: "\(folder)/fleet.ndjson"),
            backoff: backoff, lag: { [:] })
    }

    private let payment = WorkerPlan(
        name: "payment", topics: [.paymentCommands], messages: 1000, minimum: 2, maximum: 10, coolDown: .seconds(60))
    private let expiry = WorkerPlan(name: "expiry", topics: [.bookingCommands], messages: 500, minimum: 1)

    private func events() throws -> [FleetEvent] {
        let text = try String(contentsOfFile: "\(folder)/fleet.ndjson", encoding: .utf8)
        return try text.split(separator: "\n").map { try FleetJSON.decoder().decode(FleetEvent.self, from: Data($0.utf8)) }
    }

    @Test func startsTheFewestAndFollowsTheLagUpAndDown() async throws {
        let fleet = try fleet(payment, expiry)
        try await fleet.start()
        #expect(runner.running == ["expiry-1", "payment-1", "payment-2"])
        let start = ContinuousClock.now
        await fleet.take(["payment": FleetReading(messages: 3_500), "expiry": FleetReading(messages: 0)], now: start)
        #expect(await eventually { self.runner.running == ["expiry-1", "payment-1", "payment-2", "payment-3", "payment-4"] })
        for minute in 1...3 {
            await fleet.take(["payment": FleetReading(messages: 0), "expiry": FleetReading(messages: 0)], now: start + .seconds(60 * minute + 1))
            _ = await eventually { await fleet.status().workers[0].isSettled }
        }
        #expect(runner.running == ["expiry-1", "payment-1", "payment-2"])
        // The last that came is the first to go.
        #expect(runner.drains == ["payment-4", "payment-3"])
        let decisions = try events().filter { $0.event == .decision && $0.worker == "payment" }
        #expect(decisions.map(\.reason) == [.messages, .coolingDown, .calm, .calm])
        #expect(decisions.map(\.to) == [4, 4, 3, 2])
        #expect(decisions[0].lagMessages == 3_500 && decisions[0].wanted == 4 && decisions[0].from == 2)
        await fleet.close()
    }

    @Test func aLagThatIsNotToldTakesNoneAway() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        let start = ContinuousClock.now
        await fleet.take(["payment": FleetReading(messages: 3_500)], now: start)
        #expect(await eventually { await fleet.status().workers[0].isSettled })
        for minute in 1...10 { await fleet.take([:], now: start + .seconds(60 * minute)) }
        let status = await fleet.status().workers[0]
        #expect(status.target == 4 && status.running == 4 && status.lagMessages == nil && status.wanted == nil && status.reason == .unknownLag)
        await fleet.close()
    }

    @Test func aCopyThatCrashesIsStartedAgainAfterAPauseThatGrows() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        runner.fail("payment-2", times: 2)
        #expect(await runner.crash("payment", copy: 2, in: fleet))
        let waiting = await fleet.status().workers[0].copies[1]
        #expect(waiting.phase == .waiting && waiting.lastExit == "signal 9" && waiting.pid == nil)
        #expect(await eventually { await fleet.status().workers[0].isSettled })
        #expect(runner.running == ["payment-1", "payment-2"])
        #expect(await fleet.status().workers[0].copies[1].restarts == 3)
        let crashes = try events().filter { $0.event == .crashed }.compactMap(\.detail)
        #expect(crashes.count == 3 && crashes[0].contains("0.02 seconds") && crashes[1].contains("0.04 ") && crashes[2].contains("0.08 "))
        await fleet.close()
    }

    @Test func pausesDoubleUpToTheirLimit() {
        let backoff = FleetSupervisor.Backoff()
        #expect([1, 2, 3, 6, 7, 100].map { backoff.pause(crashes: $0) } == [1, 2, 4, 32, 60, 60].map { .seconds($0) })
    }

    @Test func aProcessOfSomebodyElseIsLeftToThem() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        #expect(await !fleet.exited(UnexpectedExit(component: .redis, status: .signal(9), logTail: "")))
        await fleet.close()
    }

    @Test func aFailureAtTheStartIsThrown() async throws {
        let fleet = try fleet(payment)
        runner.fail("payment-1", times: 1)
        await #expect(throws: FakeRunner.Refused.self) { try await fleet.start() }
        await fleet.close()
    }

    @Test func anOperatorsNumberStandsUntilItFollowsAgain() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        try await fleet.scale("payment", .fixed(5))
        #expect(await eventually { self.runner.running.count == 5 })
        await fleet.take(["payment": FleetReading(messages: 9_000)])
        #expect(await fleet.status().workers[0].target == 5)
        #expect(await fleet.status().workers[0].reason == .fixed)
        try await fleet.scale("payment", .automatic)
        #expect(await eventually { self.runner.running.count == 9 })
        let error = await #expect(throws: FleetError.self) { try await fleet.scale("payment", .fixed(13)) }
        #expect(error?.code == .invalidWish && error?.message.contains("12 partitions") == true)
        let unknown = await #expect(throws: FleetError.self) { try await fleet.scale("paiment", .fixed(1)) }
        #expect(unknown?.message.contains("there are payment") == true)
        await fleet.close()
    }

    @Test func aDrainedCopyIsReplacedAndADrainedWorkerStaysDown() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        try await fleet.drain("payment", copy: 1)
        #expect(await eventually { self.runner.drains == ["payment-1"] && self.runner.running.count == 2 })
        try await fleet.drain("payment")
        #expect(await eventually { self.runner.running.isEmpty })
        await fleet.take(["payment": FleetReading(messages: 5_000)])
        #expect(await fleet.status().workers[0].target == 0)
        #expect(await fleet.isDown)
        await #expect(throws: FleetError.self) { try await fleet.drain("payment", copy: 1) }
        // Back to what the lag asks for, from what was last known.
        try await fleet.scale("payment", .automatic)
        #expect(await eventually { self.runner.running.count == 5 })
        await fleet.close()
    }

    @Test func aWishThatChangesWhileACopyStartsIsFollowed() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        try await fleet.scale("payment", .fixed(8))
        try await fleet.scale("payment", .fixed(2))
        try await fleet.scale("payment", .fixed(4))
        try await fleet.scale("payment", .fixed(1))
        #expect(await eventually { await fleet.status().workers[0].isSettled })
        #expect(runner.running == ["payment-1"])
        await fleet.close()
    }

    @Test func anotherProcessAsksAndOrdersThroughTheFolder() async throws {
        let fleet = try fleet(payment)
        try await fleet.start()
        let none = #expect(throws: FleetError.self) { try FleetControl(directory: folder) }
        #expect(none?.code == .notRunning)
        let (downs, down) = AsyncStream<Void>.makeStream()
        let server = Task { [folder] in try await FleetControlServer(supervisor: fleet, directory: folder, onDown: { down.yield() }).run() }
        #expect(await eventually { (try? FleetControl(directory: self.folder)) != nil })
        let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/fleet.json")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let control = try FleetControl(directory: folder)
        let status = try await control.status()
        #expect(status.workers.map(\.worker) == ["payment"] && status.workers[0].running == 2 && status.directory == folder)
        try await control.scale("payment", .fixed(3))
        let settled = try await control.settled("payment", limit: .seconds(5))
        #expect(settled.workers[0].running == 3 && !settled.workers[0].automatic)
        try await control.scale("payment", .automatic)
        #expect(try await control.status().workers[0].automatic)
        let error = await #expect(throws: FleetError.self) { try await control.scale("moon", .automatic) }
        #expect(error?.code == .invalidWish && error?.message.contains("there are payment") == true)
        let file = try FleetControlFile.read(in: folder)
        #expect(try await HTTPProbe(port: file.port).get("/fleet").status == 401)
        #expect(try await HTTPProbe(port: file.port).bearer("guessed").post("/fleet/down").status == 401)
        try await control.down()
        var iterator = downs.makeAsyncIterator()
        await iterator.next()
        #expect(runner.running.isEmpty)
        server.cancel()
        _ = await server.result
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/fleet.json"))
        await fleet.close()
    }

    @Test func anotherPlanCountsAtOnceAndWhatCannotBeUsedChangesNothing() async throws {
        let fleet = try fleet(payment, expiry)
        try await fleet.start()
        await fleet.take(["payment": FleetReading(messages: 3_500)])
        #expect(await eventually { self.runner.running.count { $0.hasPrefix("payment") } == 4 })
        // Half the figure, so twice the copies; one worker more, another less.
        var hungry = payment
        hungry.messages = 500
        let ops = WorkerPlan(name: "ops", topics: [.opsCommands], messages: 500, minimum: 1)
        await fleet.adopt(FleetPlan(sample: .milliseconds(100), drain: .seconds(3), workers: [hungry, ops]))
        #expect(await eventually { self.runner.running == ["ops-1"] + (1...7).map { "payment-\($0)" } })
        let status = await fleet.status()
        #expect(status.workers.map(\.worker) == ["payment", "ops"] && status.fault == nil)
        #expect(throws: FleetError.self) { try FleetPlan(yaml: "workers: {}") }
        await #expect(throws: FleetError.self) { try await fleet.scale("expiry", .fixed(1)) }
        let adopted = try #require(try events().last { $0.event == .adopted })
        #expect(adopted.detail == "drain stays 20.0 seconds until the fleet is started again; ops is new; expiry goes")

        await fleet.refuse("line 3: no")
        #expect(await fleet.status().fault == "line 3: no" && fleet.plan.workers.count == 2)
        await fleet.adopt(FleetPlan(sample: .milliseconds(100), workers: [payment, expiry]))
        #expect(await eventually { self.runner.running.contains("expiry-1") && !self.runner.running.contains("ops-1") })
        #expect(await fleet.status().fault == nil)
        // What an operator ordered stays.
        try await fleet.scale("payment", .fixed(3))
        await fleet.adopt(FleetPlan(sample: .milliseconds(100), workers: [hungry, expiry]))
        #expect(await eventually { self.runner.running.count { $0.hasPrefix("payment") } == 3 })
        await fleet.close()
    }
}
