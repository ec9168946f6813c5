import Domain
import KafkaClient
import KafkaTestSupport
import Synchronization
import Testing

@testable import Replays

@Suite(.timeLimit(.minutes(2)), .serialized, .enabled(if: TestCluster.brokerBinary != nil))
struct GroupResetTests {
    private let actor = AuditActor.operator("test")

    @Test func aGroupIsSetBackOnlyWhileItIsEmpty() async throws {
        try await Bench.with { bench in
            try await bench.fill(50)
            let total = try await bench.all("booking.events").count
            let consumer = try bench.cluster.consumer(group: "inventory-sync", topics: ["booking.events"])
            let messages = try await consumer.collect(total)
            try await consumer.commit(messages.next)
            let desk = bench.desk()
            let request = ReplayRequest(topic: "booking.events", from: .offset(3), into: .group("inventory-sync"))
            let plan = try await desk.plan(request)
            #expect(plan.obstacles.first?.contains("active members") == true)
            #expect(plan.partitions.allSatisfy { $0.committed == $0.until })
            let refused = await #expect(throws: ReplayError.self) { try await desk.run(request, actor: actor) }
            #expect(refused?.code == .activeMembers)
            let kept = try await bench.admin.committedOffsets(group: "inventory-sync")
            #expect(kept == messages.next)
            await consumer.close()
            let isEmpty = try await eventually { try await bench.admin.group("inventory-sync")?.members == 0 }
            #expect(isEmpty)
            let report = try await desk.run(request, actor: actor)
            #expect(report.offsets == ["0": 3, "1": 3, "2": 3, "3": 3])
            let again = try bench.cluster.consumer(group: "inventory-sync", topics: ["booking.events"])
            let replayed = try await again.collect(total - 12)
            #expect(replayed.count == total - 12)
            #expect(replayed.allSatisfy { $0.offset >= 3 })
            await again.close()
        }
    }

    @Test func aGroupIsSetToATimeAndOnlyWhereAsked() async throws {
        try await Bench.with { bench in
            try await bench.send(
                (0..<80).map { bench.record("payment.commands", key: "\($0)", type: "t", "\($0)", at: 1_700_000_000_000 + Int64($0)) })
            let consumer = try bench.cluster.consumer(group: "payment", topics: ["payment.commands"])
            let messages = try await consumer.collect(80)
            try await consumer.commit(messages.next)
            await consumer.close()
            _ = try await eventually { try await bench.admin.group("payment")?.members == 0 }
            let request = ReplayRequest(
                topic: "payment.commands", from: .time(Timestamp(ms: 1_700_000_000_040)), partitions: [2], into: .group("payment"))
            let report = try await bench.desk().run(request, actor: actor)
            let first = try #require(messages.filter { $0.partition == 2 && $0.timestampMs ?? 0 >= 1_700_000_000_040 }.map(\.offset).min())
            #expect(report.offsets == ["2": first])
            var expected = messages.next
            expected[KafkaTopicPartition(topic: "payment.commands", partition: 2)] = first
            let offsets = try await bench.admin.committedOffsets(group: "payment")
            #expect(offsets == expected)
        }
    }

    @Test func aFleetIsStoppedAndStartedAgainWhenAskedFor() async throws {
        try await Bench.with { bench in
            try await bench.fill(10)
            let consumer = try bench.cluster.consumer(group: "inventory-sync", topics: ["booking.events"])
            let messages = try await consumer.collect(20)
            try await consumer.commit(messages.next)
            let steps = Mutex<[String]>([])
            let desk = bench.desk(stopFleet: { group in
                steps.withLock { $0.append("stop \(group)") }
                await consumer.close()
                return { steps.withLock { $0.append("start") } }
            })
            let request = ReplayRequest(topic: "booking.events", from: .offset(0), into: .group("inventory-sync"), stopFleet: true)
            let cannot = try await bench.desk().plan(request)
            #expect(cannot.obstacles.count == 1)
            _ = try await desk.run(request, actor: actor)
            #expect(steps.withLock { $0 } == ["stop inventory-sync", "start"])
            let offsets = try await bench.admin.committedOffsets(group: "inventory-sync")
            #expect(offsets.values.allSatisfy { $0 == 0 })
        }
    }

    @Test func aGroupThatNobodyKnowsIsRefused() async throws {
        try await Bench.with { bench in
            let error = await #expect(throws: ReplayError.self) {
                try await bench.desk().run(ReplayRequest(topic: "booking.events", from: .offset(0), into: .group("inventory-snyc")), actor: actor)
            }
            #expect(error?.code == .invalidRequest)
        }
    }
}
