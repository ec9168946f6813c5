import KafkaClient
import KafkaTestSupport
import Synchronization
import Testing
import Topics

@testable import WorkerRuntime

/// What handlers did, in order.
final class Journal: Sendable {
    private let entries = Mutex<[String]>([])

    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
}

extension KafkaMessage {
    var text: String { String(decoding: value ?? [], as: UTF8.self) }
}

@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct MessageWorkerTests {
    @Test func keysOfAPartitionAreHandledSideBySideAndInOrder() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let running = try RunningWorker.commands(cluster, producer) { message, _ in
            try await Task.sleep(for: .milliseconds(50))
            journal.add(message.text)
            return .done()
        }
        let all = (0..<640).map { KafkaRecord(Topic.bookingCommands.name, "k\($0 % 64)", "m\($0)", partition: 0) }
        for result in await producer.send(all) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { !journal.all.isEmpty })
        let started = ContinuousClock.now
        #expect(await eventually(.seconds(20)) { journal.all.count == 640 })
        // 10 rounds of 50 ms with 64 at a time; one after the other would take 32 s.
        #expect(ContinuousClock.now - started < .seconds(5))
        for key in 0..<64 {
            let numbers = journal.all.compactMap { Int($0.dropFirst()) }.filter { $0 % 64 == key }
            #expect(numbers == numbers.sorted())
        }
        #expect(try await eventually { try await cluster.committed("expiry") == 640 })
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func eachOutcomeIsCarriedOut() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let running = try RunningWorker.commands(cluster, producer) { message, attempt in
            journal.add("\(message.text)/\(attempt)")
            switch message.text {
            case "skip": return .skip
            case "never": return .deadLetter(Failure(.deadLetter, label: "bad", message: "no"))
            case "second": return attempt < 2 ? .retry(Failure(.retry, label: "once", message: "no")) : .done()
            case "exhausted": throw Failure(.retry, label: "always", message: "no")
            default: return .done()
            }
        }
        let texts = ["skip", "never", "second", "exhausted", "good"]
        for result in await producer.send(texts.map { KafkaRecord(Topic.bookingCommands.name, $0, $0) }) { _ = try result.get() }
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("expiry") == 5 })
        #expect(Set(journal.all) == ["skip/1", "never/1", "second/1", "second/2", "exhausted/1", "exhausted/2", "exhausted/3", "good/1"])
        let dead = try await cluster.everything(in: .expiryDeadLetters)
        #expect(Set(dead.map(\.text)) == ["never", "exhausted"])
        #expect(dead.first { $0.text == "exhausted" }?.headers.text("dlq_attempts") == "3")
        #expect(running.metric("worker_messages_total{outcome=\"skip\",worker=\"expiry\"}") == 1)
        #expect(running.metric("worker_messages_total{outcome=\"done\",worker=\"expiry\"}") == 2)
        #expect(running.metric("worker_messages_total{outcome=\"retry\",worker=\"expiry\"}") == 4)
        #expect(running.metric("worker_messages_total{outcome=\"dead_letter\",worker=\"expiry\"}") == 2)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func theHandlerEndsWhatIsGivenUpBeforeItIsCommitted() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let isAway = Down(isDown: true)
        let running = try RunningWorker.commands(
            cluster, producer,
            gaveUp: { messages in
                for given in messages { journal.add("\(given.message.text): \(given.failure.label)") }
                if isAway.isDown { throw Failure(.outage, label: "postgres", message: "away") }
                journal.add("ended")
            }
        ) { _, _ in .deadLetter(Failure(.deadLetter, label: "bad", message: "no")) }
        _ = try await producer.send(KafkaRecord(Topic.bookingCommands.name, "k", "never"))
        #expect(await eventually(.seconds(20)) { journal.all.count >= 3 })
        #expect(try await cluster.committed("expiry") == 0)
        isAway.isDown = false
        #expect(try await eventually { try await cluster.committed("expiry") == 1 })
        #expect(Set(journal.all) == ["never: bad", "ended"])
        #expect(journal.all.count { $0 == "ended" } == 1)
        try await running.stop()
        #expect(try await cluster.everything(in: .expiryDeadLetters).map(\.text) == ["never"])
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func anOutagePausesEverythingAndBuriesNothing() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let state = Down(isDown: true)
        let running = try RunningWorker.commands(cluster, producer) { message, _ in
            if state.isDown { return .outage(Failure(.outage, label: "redis", message: "away")) }
            journal.add(message.text)
            return .done()
        }
        for result in await producer.send(records(.bookingCommands, 0..<200)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { running.worker.status.phase == .paused })
        #expect(!running.worker.readiness.isReady)
        state.isDown = false
        #expect(await eventually { journal.all.count == 200 })
        #expect(Set(journal.all).count == 200)
        #expect(await eventually { running.worker.status.phase == .running })
        try await running.stop()
        #expect(try await cluster.everything(in: .expiryDeadLetters).isEmpty)
        #expect(try await cluster.committed("expiry") == 200)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aShutdownFinishesWhatRunsAndHandsBackTheRest() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let body: @Sendable (KafkaMessage, Int) async throws -> MessageOutcome = { message, _ in
            try await Task.sleep(for: .milliseconds(100))
            journal.add(message.text)
            return .done()
        }
        let first = try RunningWorker.commands(cluster, producer, { $0.concurrency = 8 }, body)
        for result in await producer.send(records(.bookingCommands, 0..<200)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { journal.all.count >= 20 })
        try await first.stop()
        #expect(journal.all.count < 200)
        let second = try RunningWorker.commands(cluster, producer, { $0.concurrency = 64 }, body)
        #expect(await eventually(.seconds(30)) { Set(journal.all).count == 200 })
        try await second.stop()
        #expect(try await cluster.committed("expiry") == 200)
        // Only what was finished beyond a gap came twice.
        #expect(journal.all.count < 280)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func copiesThatComeAndGoLoseNothing() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let body: @Sendable (KafkaMessage, Int) async throws -> MessageOutcome = { message, _ in
            try await Task.sleep(for: .milliseconds(20))
            journal.add(message.text)
            return .done()
        }
        let first = try RunningWorker.commands(cluster, producer, { $0.concurrency = 16 }, body)
        for result in await producer.send(records(.bookingCommands, 0..<3_000)) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { journal.all.count >= 100 })
        let second = try RunningWorker.commands(cluster, producer, { $0.concurrency = 16 }, body)
        #expect(await eventually(.seconds(20)) { second.worker.status.phase == .running })
        try await first.stop()
        #expect(await eventually(.seconds(40)) { Set(journal.all).count == 3_000 })
        try await second.stop()
        #expect(try await cluster.committed("expiry") == 3_000)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aFatalFailureEndsTheWorkerAndLosesNothing() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let running = try RunningWorker.commands(cluster, producer) { _, _ in throw Failure(.fatal, label: "configuration", message: "no") }
        _ = try await producer.send(KafkaRecord(Topic.bookingCommands.name, "k", "v"))
        await #expect(throws: WorkerError.self) { try await running.ended() }
        #expect(try await cluster.committed("expiry") == 0)
        let journal = Journal()
        let next = try RunningWorker.commands(cluster, producer) { message, _ in
            journal.add(message.text)
            return .done()
        }
        #expect(await eventually(.seconds(20)) { journal.all == ["v"] })
        try await next.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }
}

/// Whether a dependency of a test is away.
final class Down: Sendable {
    private let value: Atomic<Bool>

    init(isDown: Bool) {
        value = Atomic(isDown)
    }

    var isDown: Bool {
        get { value.load(ordering: .relaxed) }
        set { value.store(newValue, ordering: .relaxed) }
    }
}
