import Domain
import KafkaClient
import KafkaTestSupport
import Testing

@testable import Replays

@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: TestCluster.brokerBinary != nil))
struct SideStreamTests {
    private let actor = AuditActor.operator("test")

    private func fill(_ bench: Bench, _ count: Int) async throws {
        try await bench.send(
            (0..<count).map { number in
                bench.record(
                    "payment.commands", key: "key-\(number % 10)", type: number % 3 == 0 ? "payment.charge.v1" : "payment.advance.v1", "\(number)",
                    at: 1_700_000_000_000 + Int64(number) * 1000)
            })
    }

    private func numbers(_ messages: [KafkaMessage]) -> [Int] {
        messages.compactMap { $0.value.flatMap { Int(String(decoding: $0, as: UTF8.self)) } }.sorted()
    }

    @Test func eachSelectionIsPlannedAndCopied() async throws {
        try await Bench.with { bench in
            try await fill(bench, 300)
            let source = try await bench.all("payment.commands")
            let desk = bench.desk()
            func check(_ request: ReplayRequest, _ fits: (Int, KafkaMessage) -> Bool) async throws {
                let before = try await bench.all("payment.redrive").count
                let expected = numbers(source.filter { fits(numbers([$0])[0], $0) })
                let plan = try await desk.plan(request)
                #expect(plan.obstacles.isEmpty)
                #expect(plan.selected == Int64(expected.count))
                #expect(plan.estimatedSeconds != nil)
                let report = try await desk.run(request, actor: actor)
                #expect(report.taken == Int64(expected.count))
                let copies = try await bench.all("payment.redrive").filter { $0.headers.text("replay_id") == report.id }
                #expect(numbers(copies) == expected)
                let after = try await bench.all("payment.redrive").count
                #expect(after == before + expected.count)
            }
            let into = ReplayRequest.Target.worker("payment")
            let topic = "payment.commands"
            try await check(ReplayRequest(topic: topic, into: into)) { _, _ in true }
            try await check(ReplayRequest(topic: topic, from: .offset(5), until: .offset(9), into: into)) { (5..<9).contains($1.offset) }
            try await check(ReplayRequest(topic: topic, partitions: [1], into: into)) { $1.partition == 1 }
            try await check(ReplayRequest(topic: topic, key: "key-4", into: into)) { number, _ in number % 10 == 4 }
            try await check(ReplayRequest(topic: topic, type: "payment.charge.v1", into: into)) { number, _ in number % 3 == 0 }
            let (since, until) = (Timestamp(ms: 1_700_000_100_000), Timestamp(ms: 1_700_000_200_000))
            // Within a partition records are in the order of their times here.
            try await check(ReplayRequest(topic: topic, from: .time(since), until: .time(until), into: into)) { number, _ in
                (100..<200).contains(number)
            }
        }
    }

    @Test func aCopyIsTheRecordByteForByteWithWhereItCameFrom() async throws {
        try await Bench.with { bench in
            try await fill(bench, 40)
            let report = try await bench.desk().run(ReplayRequest(topic: "payment.commands", into: .worker("payment")), actor: actor)
            let copies = try await bench.all("payment.redrive")
            let source = Dictionary(
                uniqueKeysWithValues: try await bench.all("payment.commands").map { ("\($0.topic)/\($0.partition)/\($0.offset)", $0) })
            #expect(copies.count == 40)
            for copy in copies {
                func header(_ name: String) -> String { copy.headers.text(name) ?? "" }
                let original = try #require(source["\(header("dlq_topic"))/\(header("dlq_partition"))/\(header("dlq_offset"))"])
                #expect(copy.key == original.key && copy.value == original.value && copy.timestampMs == original.timestampMs)
                #expect(copy.partition == original.partition)
                #expect(Array(copy.headers.prefix(original.headers.count)) == original.headers)
                #expect(header("replay_id") == report.id)
            }
            #expect(bench.audited.withLock { $0.map(\.outcome) } == [.accepted, .succeeded])
            #expect(bench.audited.withLock { $0.map(\.entityID) } == [report.id, report.id])
        }
    }

    @Test(arguments: ["after a portion was sent", "after the progress was written"])
    func aReplayThatWasKilledGoesOnWithoutLoss(place: String) async throws {
        try await Bench.with { bench in
            try await fill(bench, 3_000)
            let request = ReplayRequest(topic: "payment.commands", into: .worker("payment"))
            let error = await #expect(throws: ReplayError.self) { try await bench.desk().crashing(at: place, count: 3).run(request, actor: actor) }
            #expect(error?.code == .other)
            let killed = try #require(try await bench.desk().list().first)
            #expect(killed.status == .running)
            let busy = await #expect(throws: ReplayError.self) { try await bench.desk().resume(killed.id, actor: actor) }
            #expect(busy?.code == .busy)
            try await bench.database.expireLeases()
            let interrupted = try #require(try await bench.desk().find(killed.id))
            #expect(interrupted.status == .interrupted)
            #expect(interrupted.read > 0 && interrupted.read < 3_000)
            let report = try await bench.desk().resume(killed.id, actor: actor)
            #expect(report.id == killed.id)
            let copies = try await bench.all("payment.redrive")
            #expect(Set(numbers(copies)) == Set(0..<3_000))
            // At most what was under way when it died came twice.
            #expect(copies.count <= 3_000 + SideStream.portion)
            let ended = try await bench.desk().find(killed.id)
            #expect(ended?.status == .succeeded && ended?.read == 3_000)
            let again = try await bench.desk().resume(killed.id, actor: actor)
            #expect(again.taken == report.taken)
            let unchanged = try await bench.all("payment.redrive").count
            #expect(unchanged == copies.count)
        }
    }

    @Test func aReplayThatIsStoppedGoesOnAtOnce() async throws {
        try await Bench.with { bench in
            try await fill(bench, 400)
            let desk = bench.desk()
            let request = ReplayRequest(topic: "payment.commands", into: .worker("payment"), rate: 200)
            let running = Task { try await desk.run(request, actor: actor) }
            let isUnderWay = try await eventually { try await desk.list().first?.taken ?? 0 > 20 }
            #expect(isUnderWay)
            running.cancel()
            let error = await #expect(throws: ReplayError.self) { try await running.value }
            #expect(error?.code == .interrupted)
            let stopped = try #require(try await desk.list().first)
            #expect(stopped.status == .interrupted && stopped.taken < 400)
            _ = try await desk.resume(stopped.id, actor: actor)
            let copies = try await bench.all("payment.redrive")
            #expect(Set(numbers(copies)) == Set(0..<400))
        }
    }

    @Test func theRateIsKept() async throws {
        try await Bench.with { bench in
            try await fill(bench, 100)
            let start = ContinuousClock.now
            _ = try await bench.desk().run(ReplayRequest(topic: "payment.commands", into: .worker("payment"), rate: 100), actor: actor)
            let took = ContinuousClock.now - start
            #expect(took > .milliseconds(900) && took < .seconds(5))
        }
    }

    @Test func whatNoWorkerWouldHandleIsRefused() async throws {
        try await Bench.with { bench in
            let desk = bench.desk()
            let foreign = try await desk.plan(ReplayRequest(topic: "booking.commands", into: .worker("payment")))
            #expect(foreign.obstacles.count == 1)
            let error = await #expect(throws: ReplayError.self) {
                try await desk.run(ReplayRequest(topic: "booking.commands", into: .worker("payment")), actor: actor)
            }
            #expect(error?.code == .invalidRequest)
            let nobody = try await desk.plan(ReplayRequest(topic: "booking.commands", into: .worker("nobody")))
            #expect(nobody.obstacles.count == 1)
            let missing = await #expect(throws: ReplayError.self) { try await desk.plan(ReplayRequest(topic: "none", into: .worker("payment"))) }
            #expect(missing?.code == .invalidRequest)
            #expect(try await desk.list().isEmpty)
            #expect(bench.audited.withLock { $0.isEmpty })
        }
    }

    @Test func nothingIsDoneThatCannotBeAudited() async throws {
        try await Bench.with { bench in
            try await fill(bench, 10)
            let desk = ReplayDesk(
                database: bench.database, bootstrapServers: bench.cluster.bootstrap, audit: { _ in throw Crash() }, logger: .quiet)
            let error = await #expect(throws: ReplayError.self) {
                try await desk.run(ReplayRequest(topic: "payment.commands", into: .worker("payment")), actor: actor)
            }
            #expect(error?.code == .audit)
            #expect(try await bench.all("payment.redrive").isEmpty)
        }
    }
}
