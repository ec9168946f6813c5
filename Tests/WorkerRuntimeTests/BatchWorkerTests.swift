import KafkaClient
import KafkaTestSupport
import Telemetry
import Testing
import Topics

@testable import WorkerRuntime

@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct BatchWorkerTests {
    @Test func everythingIsAppliedAndCommitted() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        let running = try RunningWorker.projection(cluster, producer, handler)
        for result in await producer.send(records(.bookingEvents, 0..<5_000)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { handler.applied.count == 5_000 })
        #expect(running.worker.status.phase == .running)
        #expect(running.worker.readiness.isReady)
        #expect(running.metric("worker_messages_total{outcome=\"done\",worker=\"inventory-sync\"}") == 5_000)
        try await running.stop()
        #expect(running.worker.status.phase == .draining)
        #expect(try await cluster.committed("inventory-sync") == 5_000)
        #expect(handler.applied.values.allSatisfy { $0 == 1 })
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func whatCanNeverSucceedIsInTheDLQBeforeItIsCommitted() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        handler.change { $0.failure = { $0.contains("m13") ? Failure(.deadLetter, label: "server_23", message: "no") : nil } }
        handler.change { $0.decodes = { if $0 == "m7" { throw Failure(.deadLetter, label: "undecodable", message: "no") } else { true } } }
        let running = try RunningWorker.projection(cluster, producer, handler)
        for result in await producer.send(records(.bookingEvents, 0..<100)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { handler.applied.count == 98 })
        #expect(try await eventually { try await cluster.committed("inventory-sync") == 100 })
        let dead = try await cluster.everything(in: .inventorySyncDeadLetters)
        #expect(Set(dead.map { String(decoding: $0.value ?? [], as: UTF8.self) }) == ["m7", "m13"])
        #expect(dead.first { $0.value == Array("m7".utf8) }?.headers.text("dlq_error_class") == "undecodable")
        #expect(running.metric("dlq_messages_total{worker=\"inventory-sync\"}") == 2)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func anOutageIsShownAndWaitedFor() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        handler.change { $0.failure = { _ in Failure(.outage, label: "not_connected", message: "PostgreSQL is away") } }
        let running = try RunningWorker.projection(cluster, producer, handler)
        for result in await producer.send(records(.bookingEvents, 0..<100)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { running.worker.status.phase == .paused && handler.batches.count > 3 })
        #expect(!running.worker.readiness.isReady)
        #expect(running.worker.status.pause?.failure.label == "not_connected")
        #expect(try await cluster.committed("inventory-sync") == 0)
        handler.change { $0.failure = { _ in nil } }
        #expect(await eventually { handler.applied.count == 100 })
        #expect(await eventually { running.worker.readiness.isReady })
        try await running.stop()
        #expect(try await cluster.everything(in: .inventorySyncDeadLetters).isEmpty)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aShutdownInAnOutageHandsTheBatchBack() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        handler.change { $0.failure = { _ in Failure(.outage, label: "down", message: "away") } }
        let first = try RunningWorker.projection(cluster, producer, handler)
        for result in await producer.send(records(.bookingEvents, 0..<50)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { first.worker.status.phase == .paused })
        let started = ContinuousClock.now
        try await first.stop()
        #expect(ContinuousClock.now - started < .seconds(3))
        handler.change { $0.failure = { _ in nil } }
        let second = try RunningWorker.projection(cluster, producer, handler)
        #expect(await eventually(.seconds(20)) { handler.applied.count == 50 })
        try await second.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func copiesThatComeAndGoLoseNothing() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let handler = Projection()
        handler.change { $0.pause = .milliseconds(5) }
        let first = try RunningWorker.projection(cluster, producer, handler) { $0.maxMessages = 50 }
        let sending = Task {
            for round in 0..<60 {
                for result in await producer.send(records(.bookingEvents, round * 50..<(round + 1) * 50)) { _ = try result.get() }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        #expect(await eventually(.seconds(20)) { handler.applied.count > 100 })
        let second = try RunningWorker.projection(cluster, producer, handler) { $0.maxMessages = 50 }
        #expect(await eventually(.seconds(20)) { second.worker.status.phase == .running })
        try await first.stop()
        let third = try RunningWorker.projection(cluster, producer, handler) { $0.maxMessages = 50 }
        try await sending.value
        #expect(await eventually(.seconds(30)) { handler.applied.count == 3_000 })
        // Everybody left in order, so nothing came twice.
        #expect(handler.applied.values.allSatisfy { $0 == 1 })
        try await second.stop()
        try await third.stop()
        #expect(try await cluster.committed("inventory-sync") == 3_000)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aBrokerThatIsKilledCostsNothing() async throws {
        let cluster = try await TestCluster.declared()
        let broker = try #require(cluster.broker)
        let producer = try cluster.producer()
        let handler = Projection()
        let running = try RunningWorker.projection(cluster, producer, handler)
        for result in await producer.send(records(.bookingEvents, 0..<500)) { _ = try result.get() }
        for round in 1...2 {
            broker.kill()
            #expect(await eventually { !running.worker.readiness.isReady })
            try broker.start()
            #expect(await producer.waitUntilReachable(limit: .seconds(10)))
            // Also without any traffic.
            #expect(await eventually { running.worker.readiness.isReady })
            for result in await producer.send(records(.bookingEvents, round * 500..<(round + 1) * 500)) { _ = try result.get() }
            #expect(await eventually(.seconds(30)) { handler.applied.count == (round + 1) * 500 })
        }
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("inventory-sync") == 1_500 })
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        broker.kill()
    }

    @Test func aGroupWithoutADeclaredDLQIsRefused() async throws {
        let producer = try TestCluster.shared.get().producer()
        let configuration = WorkerConfiguration(name: "x", group: "nobody", topics: [.bookingEvents], bootstrapServers: "127.0.0.1:1")
        let error = #expect(throws: WorkerError.self) {
            _ = try Worker(configuration: configuration, handler: Projection(), producer: producer, registry: PrometheusRegistry(), logger: .quiet)
        }
        #expect(error?.code == .configuration)
        await producer.shutdown(flush: .zero)
    }
}
