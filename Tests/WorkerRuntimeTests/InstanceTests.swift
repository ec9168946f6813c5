import KafkaClient
import KafkaTestSupport
import Telemetry
import Testing
import Topics

@testable import WorkerRuntime

/// Copies that keep their name through a restart (KIP-345).
@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct InstanceTests {
    /// What a copy may take from its start to its first message, where the group need not notice that it was away.
    private static let backAgain = Duration.seconds(3)

    @Test func aCopyThatComesBackWorksAtOnceAndMovesNothing() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        let other = Projection()
        let first = try RunningWorker.projection(cluster, producer, handler) { $0.instanceID = "copy-1" }
        let second = try RunningWorker.projection(cluster, producer, other) { $0.instanceID = "copy-2" }
        for result in await producer.send(records(.bookingEvents, 0..<500)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { handler.applied.count + other.applied.count >= 500 && !other.applied.isEmpty })
        #expect(await eventually(.seconds(20)) { first.worker.status.phase == .running && second.worker.status.phase == .running })
        let before = other.batches.count
        // Without a word to the group, as after a crash: a named member does not leave.
        try await first.stop()
        for result in await producer.send(records(.bookingEvents, 500..<1_000)) { _ = try result.get() }
        let started = ContinuousClock.now
        let again = try RunningWorker.projection(cluster, producer, handler) { $0.instanceID = "copy-1" }
        #expect(await eventually(.seconds(20)) { Set(handler.applied.keys).union(other.applied.keys).count == 1_000 })
        let took = ContinuousClock.now - started
        print("from its start to everything done: \(took)")
        #expect(took < Self.backAgain)
        #expect(other.batches.count > before)
        #expect(Set(handler.applied.keys).isDisjoint(with: other.applied.keys))
        try await again.stop()
        try await second.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func theEarlierOfTwoWithOneNameEndsWithAClearWord() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        let first = try RunningWorker.projection(cluster, producer, handler) { $0.instanceID = "twin" }
        #expect(await eventually(.seconds(20)) { first.worker.status.phase == .running })
        let second = try RunningWorker.projection(cluster, producer, handler) { $0.instanceID = "twin" }
        let error = await #expect(throws: WorkerError.self) { try await first.ended() }
        #expect(error?.code == .fatal)
        #expect((error?.underlying as? KafkaError)?.code == .fenced)
        #expect(error?.message.contains("instance id twin") == true)
        for result in await producer.send(records(.bookingEvents, 0..<100)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { handler.applied.count == 100 })
        try await second.stop()
        #expect(try await cluster.committed("inventory-sync") == 100)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aNamedCopyThatStaysAwayIsReplacedAfterItsSession() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        let first = try RunningWorker.projection(cluster, producer, handler) { $0.instanceID = "gone" }
        let second = try RunningWorker.projection(cluster, producer, handler) { $0.instanceID = "stays" }
        #expect(await eventually(.seconds(20)) { first.worker.status.phase == .running && second.worker.status.phase == .running })
        try await first.stop()
        for result in await producer.send(records(.bookingEvents, 0..<500)) { _ = try result.get() }
        #expect(await eventually(.seconds(15)) { handler.applied.count == 500 })
        try await second.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aNameThatKafkaWouldRefuseIsRefused() async throws {
        let producer = try TestCluster.shared.get().producer()
        for name in ["", "a b", "ä", "..", String(repeating: "x", count: 201)] {
            var configuration = WorkerConfiguration(
                name: "x", group: "inventory-sync", topics: [.bookingEvents], bootstrapServers: "127.0.0.1:1")
            configuration.instanceID = name
            let error = #expect(throws: WorkerError.self) {
                _ = try Worker(
                    configuration: configuration, handler: Projection(), producer: producer, registry: PrometheusRegistry(), logger: .quiet)
            }
            #expect(error?.code == .configuration)
        }
        await producer.shutdown(flush: .zero)
    }
}
