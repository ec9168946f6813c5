import KafkaClient
import KafkaTestSupport
import Synchronization
import Testing
import Topics

@testable import WorkerRuntime

/// Partitions that come and go under a worker with retry topics.
@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct RebalanceTests {
    @Test func copiesThatComeAndGoLoseNoRetry() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let done = Mutex<[String: [Int]]>([:])
        func start() throws -> RunningWorker {
            try RunningWorker.payments(cluster, producer, { $0.minOutageFailures = 10_000 }) { delivery in
                try await Task.sleep(for: .milliseconds(5))
                let number = Int(delivery.message.text.dropFirst()) ?? 0
                // A third fails once, a third of these twice.
                let failures = number % 9 == 0 ? 2 : number % 3 == 0 ? 1 : 0
                if delivery.attempt <= failures { throw Failure(.retry, label: "once", message: "no") }
                done.withLock { $0[delivery.message.text, default: []].append(delivery.attempt) }
                return .done()
            }
        }
        let sending = Task {
            for round in 0..<30 {
                for result in await producer.send((round * 50..<(round + 1) * 50).map { command("m\($0)", partition: nil) }) { _ = try result.get() }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        let first = try start()
        #expect(await eventually(.seconds(20)) { done.withLock { $0.count } > 100 })
        let second = try start()
        #expect(await eventually(.seconds(20)) { second.worker.status.phase == .running })
        try await first.stop()
        let third = try start()
        try await sending.value
        #expect(await eventually(.seconds(40)) { done.withLock { $0.count } == 1_500 })
        for (text, attempts) in done.withLock({ $0 }) {
            let number = Int(text.dropFirst()) ?? 0
            let expected = number % 9 == 0 ? 3 : number % 3 == 0 ? 2 : 1
            #expect(attempts.allSatisfy { $0 == expected }, "\(text): \(attempts)")
        }
        try await second.stop()
        try await third.stop()
        #expect(try await cluster.everything(in: .paymentDeadLetters).isEmpty)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func whatDoesNotEndInTimeIsCancelledWhenItsPartitionGoes() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let body: @Sendable (Delivery) async throws -> MessageOutcome = { delivery in
            journal.add("in")
            do {
                if journal.all.count == 1 { try await Task.sleep(for: .seconds(600)) }
            } catch {
                journal.add("cancelled")
                throw KafkaError(.cancelled, operation: "send", message: "the task was cancelled")
            }
            journal.add("out")
            return .done()
        }
        let first = try RunningWorker.payments(cluster, producer, { $0.revokeLimit = .milliseconds(500) }, body)
        _ = try await producer.send(command("m"))
        #expect(await eventually(.seconds(20)) { journal.all == ["in"] })
        let second = try RunningWorker.payments(cluster, producer, { $0.revokeLimit = .milliseconds(500) }, body)
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 1 })
        #expect(journal.all.sorted() == ["cancelled", "in", "in", "out"])
        try await first.stop()
        try await second.stop()
        #expect(try await cluster.everything(in: .paymentRetry1).isEmpty)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aFencedCopyLetsGoOfWhatItHasInHand() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let first = try RunningWorker.payments(cluster, producer, { $0.instanceID = "twin" }) { _ in
            journal.add("first")
            do {
                try await Task.sleep(for: .seconds(600))
            } catch {
                journal.add("cancelled")
            }
            return .retry(Failure(.retry, label: "late", message: "no"))
        }
        _ = try await producer.send(command("m"))
        #expect(await eventually(.seconds(20)) { journal.all == ["first"] })
        let second = try RunningWorker.payments(cluster, producer, { $0.instanceID = "twin" }) { _ in
            journal.add("second")
            return .done()
        }
        let error = await #expect(throws: WorkerError.self) { try await first.ended() }
        #expect((error?.underlying as? KafkaError)?.code == .fenced)
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 1 })
        #expect(Set(journal.all) == ["first", "cancelled", "second"])
        try await second.stop()
        // The zombie wrote nothing.
        #expect(try await cluster.everything(in: .paymentRetry1).isEmpty)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func partitionsThatAreAddedAreReadFromTheirBeginning() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer { $0.options["topic.metadata.refresh.interval.ms"] = "200" }
        let seen = Seen()
        let running = try RunningWorker.payments(cluster, producer, { $0.consumerOptions["topic.metadata.refresh.interval.ms"] = "500" }) {
            seen.add($0)
            return $0.attempt == 1 ? .retry(Failure(.retry, label: "once", message: "no")) : .done()
        }
        _ = try await producer.send(command("before"))
        #expect(await eventually(.seconds(20)) { seen.of("before").count == 2 })
        let admin = try cluster.admin()
        for topic in [Topic.paymentCommands, .paymentRetry1] { try await admin.createPartitions(topic: topic.name, total: 14) }
        await admin.shutdown()
        #expect(
            await eventually(.seconds(20)) {
                do {
                    _ = try await producer.send(command("new", partition: 13))
                    return true
                } catch {
                    return false
                }
            })
        #expect(await eventually(.seconds(20)) { seen.of("new").count == 2 })
        #expect(seen.of("new").first?.delivery.message.partition == 13)
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 4 })
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aPauseLastsThroughARebalance() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let away = Down(isDown: true)
        let seen = Seen()
        let calls = Journal()
        func start() throws -> RunningWorker {
            try RunningWorker.payments(cluster, producer, { $0.outageBackoff = .milliseconds(500) ... .milliseconds(500) }) { delivery in
                calls.add(delivery.message.text)
                if away.isDown { return .outage(Failure(.outage, label: "redis", message: "away")) }
                seen.add(delivery)
                return .done()
            }
        }
        for result in await producer.send((0..<200).map { command("m\($0)", partition: nil) }) { _ = try result.get() }
        let first = try start()
        #expect(await eventually(.seconds(20)) { first.worker.status.phase == .paused })
        let second = try start()
        #expect(await eventually(.seconds(20)) { second.worker.status.phase == .paused })
        // What was in hand when the first failed ends first.
        var (before, changed) = (0, ContinuousClock.now)
        #expect(
            await eventually(.seconds(20)) {
                let count = calls.all.count
                if count != before { (before, changed) = (count, .now) }
                return ContinuousClock.now - changed >= .milliseconds(150)
            })
        // Whoever has partitions tries one message at a time, not all that it has.
        let started = ContinuousClock.now
        #expect(await eventually(.seconds(20)) { calls.all.count >= before + 6 })
        #expect(ContinuousClock.now - started >= .milliseconds(500))
        away.isDown = false
        #expect(await eventually(.seconds(20)) { Set(seen.all.map(\.delivery.id)).count == 200 })
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 200 })
        try await first.stop()
        try await second.stop()
        for topic in Topic.retries(of: "payment") + [.paymentDeadLetters] { #expect(try await cluster.everything(in: topic).isEmpty) }
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }
}
