import Domain
import KafkaClient
import KafkaTestSupport
import Synchronization
import Testing
import Topics

@testable import WorkerRuntime

@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct RetryTopicTests {
    @Test func aFailedMessageWaitsOnTheRetryTopicsAndEndsInTheDLQByteForByte() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let running = try RunningWorker.payments(cluster, producer) { delivery in
            seen.add(delivery)
            return .retry(Failure(.retry, label: "gateway", message: "attempt \(delivery.attempt)"))
        }
        _ = try await producer.send(command("stubborn"))
        #expect(try await eventually(.seconds(20)) { try await cluster.everything(in: .paymentDeadLetters).count == 1 })
        try await running.stop()
        let all = seen.all
        #expect(all.map(\.delivery.attempt) == [1, 2, 3, 4])
        // Every attempt sees the message as it first came.
        for (delivery, _) in all {
            #expect(delivery.id == "id-stubborn")
            #expect(delivery.message.topic == Topic.paymentCommands.name)
            #expect(delivery.message.partition == 0)
            #expect(delivery.message.offset == 0)
            #expect(delivery.message.headers == command("stubborn").headers)
            #expect(delivery.message.timestampMs == 5)
            #expect("\(delivery.trace.headerText)".contains("0af7651916cd43dd8448eb211c80319c"))
        }
        #expect(all[0].delivery.firstFailure == nil)
        #expect(Set(all.dropFirst().map(\.delivery.firstFailure)).count == 1)
        // Never before the pause is over (a fifth less by the jitter).
        for (index, pause) in [200, 400, 600].enumerated() {
            #expect(all[index + 1].at - all[index].at >= .milliseconds(pause * 8 / 10 - 20))
        }
        let dead = try #require(try await cluster.everything(in: .paymentDeadLetters).first)
        #expect(dead.key == command("stubborn").key)
        #expect(dead.value == command("stubborn").value)
        #expect(dead.timestampMs == 5)
        #expect(dead.headers.filter { !DeadLetterHeader.contains($0.name) } == command("stubborn").headers)
        #expect(dead.headers.text("dlq_topic") == Topic.paymentCommands.name)
        #expect(dead.headers.text("dlq_offset") == "0")
        #expect(dead.headers.text("dlq_attempts") == "4")
        #expect(dead.headers.text("dlq_error") == "attempt 4")
        for topic in Topic.retries(of: "payment") {
            let copy = try #require(try await cluster.everything(in: topic).first, "\(topic.name)")
            #expect(copy.key == command("stubborn").key)
            #expect(copy.value == command("stubborn").value)
        }
        #expect(try await cluster.committed("payment") == 4)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func whatWaitsHoldsUpNobodyNotEvenItsOwnKey() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let running = try RunningWorker.payments(
            cluster, producer,
            inbox: nil, { $0.retryDelays = [.seconds(3), .seconds(3), .seconds(3)] }
        ) { delivery in
            seen.add(delivery)
            return delivery.message.text == "bad" && delivery.attempt == 1 ? .retry(Failure(.retry, label: "once", message: "no")) : .done()
        }
        _ = try await producer.send(command("bad", key: "k"))
        for index in 0..<100 { _ = try await producer.send(command("m\(index)", key: "k")) }
        #expect(await eventually(.seconds(20)) { seen.all.count { $0.delivery.message.text.hasPrefix("m") } == 100 })
        #expect(seen.of("bad").count == 1)
        #expect(await eventually(.seconds(20)) { seen.of("bad").count == 2 })
        #expect(try await eventually { try await cluster.committed("payment") == 102 })
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aCopyThatDiesWhileAMessageWaitsLeavesItToTheNext() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let first = try RunningWorker.payments(cluster, producer, inbox: nil, { $0.retryDelays = [.seconds(60)] }) { delivery in
            seen.add(delivery)
            return .retry(after: .seconds(2), Failure(.retry, label: "once", message: "no"))
        }
        _ = try await producer.send(command("late"))
        #expect(try await eventually(.seconds(20)) { try await cluster.everything(in: .paymentRetry1).count == 1 })
        try await first.stop()
        let again = Seen()
        let second = try RunningWorker.payments(cluster, producer) { delivery in
            again.add(delivery)
            return .done()
        }
        #expect(await eventually(.seconds(20)) { again.of("late").count == 1 })
        #expect(again.of("late").first?.delivery.attempt == 2)
        #expect(try await eventually { try await cluster.committed("payment") == 2 })
        try await second.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func whatFollowsIsThereBeforeTheOffsetIsCommitted() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let event = OutgoingMessage(
            KafkaRecord(
                topic: Topic.paymentEvents.name, key: Array("k".utf8), value: Array("{\"a\":\"ü\"}".utf8),
                headers: [KafkaHeader(name: "ce_id", text: "e1")]))
        let running = try RunningWorker.payments(cluster, producer) { _ in .done([event]) }
        _ = try await producer.send(command("charge"))
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 1 })
        let sent = try await cluster.everything(in: .paymentEvents)
        #expect(sent.map(\.text) == ["{\"a\":\"ü\"}"])
        #expect(sent.first?.headers.text("ce_id") == "e1")
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func sixtyFourWaitAtTheSameTimeOnOnePartition() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let counters = Counters()
        let running = try RunningWorker.payments(cluster, producer) { _ in
            counters.enter()
            try await Task.sleep(for: .milliseconds(500))
            counters.leave()
            return .done()
        }
        for result in await producer.send((0..<256).map { command("m\($0)") }) { _ = try result.get() }
        #expect(await eventually(.seconds(30)) { counters.finished == 256 })
        #expect(counters.most == 64)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    private final class Counters: Sendable {
        private let state = Mutex((inside: 0, most: 0, finished: 0))

        func enter() {
            state.withLock {
                $0.inside += 1
                $0.most = max($0.most, $0.inside)
            }
        }

        func leave() {
            state.withLock {
                $0.inside -= 1
                $0.finished += 1
            }
        }

        var most: Int { state.withLock { $0.most } }
        var finished: Int { state.withLock { $0.finished } }
    }

    @Test func aMassOfFailuresIsAnOutageBeforeTheFirstIsWritten() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let away = Down(isDown: true)
        let seen = Seen()
        for result in await producer.send((0..<200).map { command("m\($0)") }) { _ = try result.get() }
        // Long enough for a machine that is busy with other things.
        let running = try RunningWorker.payments(cluster, producer, { $0.verdictDelay = .seconds(2) }) { delivery in
            // An outage that the handler does not recognise as one.
            if away.isDown { throw Failure(.retry, label: "other", message: "500") }
            seen.add(delivery)
            return .done()
        }
        #expect(await eventually(.seconds(20)) { running.worker.status.phase == .paused })
        #expect(running.metric("worker_paused{worker=\"payment\"}") == 1)
        #expect(running.worker.status.pause?.failure.label == "other")
        away.isDown = false
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 200 })
        #expect(seen.all.count == 200)
        #expect(seen.all.allSatisfy { $0.delivery.attempt == 1 })
        #expect(await eventually { running.metric("worker_paused{worker=\"payment\"}") == 0 })
        try await running.stop()
        for topic in Topic.retries(of: "payment") + [.paymentDeadLetters] { #expect(try await cluster.everything(in: topic).isEmpty) }
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aMassOfIsolatedFailuresIsNoOutage() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let running = try RunningWorker.payments(cluster, producer) { delivery in
            seen.add(delivery)
            if delivery.message.text.hasPrefix("bad") { throw Failure(.retry, label: "full", message: "452", isIsolated: true) }
            return .done()
        }
        for result in await producer.send((0..<30).map { command("bad\($0)") } + [command("good")]) { _ = try result.get() }
        #expect(try await eventually(.seconds(20)) { try await cluster.everything(in: .paymentDeadLetters).count == 30 })
        #expect(seen.of("good").count == 1)
        #expect(running.metric("worker_paused{worker=\"payment\"}") == 0)
        #expect(seen.all.count == 30 * 4 + 1)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func anOutageInTheMiddleOfRetriesCostsNoAttempt() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let away = Down(isDown: false)
        let seen = Seen()
        let running = try RunningWorker.payments(cluster, producer) { delivery in
            seen.add(delivery)
            if away.isDown { return .outage(Failure(.outage, label: "postgres", message: "away")) }
            return delivery.attempt == 1 ? .retry(after: .milliseconds(500), Failure(.retry, label: "once", message: "no")) : .done()
        }
        _ = try await producer.send(command("m"))
        #expect(try await eventually(.seconds(20)) { try await cluster.everything(in: .paymentRetry1).count == 1 })
        away.isDown = true
        #expect(await eventually(.seconds(20)) { seen.all.count >= 4 && running.worker.status.phase == .paused })
        away.isDown = false
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 2 })
        #expect(Set(seen.all.dropFirst().map(\.delivery.attempt)) == [2])
        try await running.stop()
        #expect(try await cluster.everything(in: .paymentRetry2).isEmpty)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func poisonAmongGoodMessagesEndsInTheDLQ() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let running = try RunningWorker.payments(cluster, producer) { delivery in
            seen.add(delivery)
            if delivery.message.text.hasPrefix("undecodable") { throw Failure(.deadLetter, label: "undecodable", message: "no") }
            if delivery.message.text.hasPrefix("poison") { throw Failure(.retry, label: "other", message: "no") }
            return .done()
        }
        let texts = (0..<100).map { $0 % 25 == 3 ? "poison\($0)" : $0 % 25 == 9 ? "undecodable\($0)" : "good\($0)" }
        for result in await producer.send(texts.map { command($0) }) { _ = try result.get() }
        #expect(try await eventually(.seconds(20)) { try await cluster.everything(in: .paymentDeadLetters).count == 8 })
        // Four that fail three times go through three topics.
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 100 + 12 })
        let dead = try await cluster.everything(in: .paymentDeadLetters)
        for message in dead { #expect(message.headers.text("dlq_attempts") == (message.text.hasPrefix("poison") ? "4" : "1")) }
        #expect(seen.all.count == 96 + 16)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aLongPauseDoesNotHoldUpAShorterOneBehindIt() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let running = try RunningWorker.payments(cluster, producer) { delivery in
            seen.add(delivery)
            guard delivery.attempt == 1 else { return .done() }
            let pause: Duration = delivery.message.text == "long" ? .seconds(3) : .milliseconds(100)
            return .retry(after: pause, Failure(.retry, label: "once", message: "no"))
        }
        // One key, so one partition of the retry topic.
        for text in ["long", "short"] { _ = try await producer.send(command(text, key: "k")) }
        #expect(await eventually(.seconds(20)) { seen.all.count == 4 })
        #expect(seen.all.map { "\($0.delivery.message.text)/\($0.delivery.attempt)" } == ["long/1", "short/1", "short/2", "long/2"])
        #expect(try await eventually { try await cluster.committed("payment") == 4 })
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func whenTooManyWaitTheRetryTopicsStandStillAndTheOthersGoOn() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let seen = Seen()
        let running = try RunningWorker.payments(
            cluster, producer,
            {
                $0.maxDelayed = 10
                $0.minOutageFailures = 1_000
                $0.verdictDelay = .zero
            }
        ) { delivery in
            seen.add(delivery)
            let waits = delivery.message.text.hasPrefix("bad") && delivery.attempt == 1
            return waits ? .retry(after: .seconds(4), Failure(.retry, label: "once", message: "no")) : .done()
        }
        for result in await producer.send((0..<300).map { command("bad\($0)") }) { _ = try result.get() }
        #expect(try await eventually(.seconds(20)) { try await cluster.everything(in: .paymentRetry1).count == 300 })
        for result in await producer.send((0..<300).map { command("good\($0)") }) { _ = try result.get() }
        #expect(await eventually(.seconds(20)) { seen.all.count { $0.delivery.message.text.hasPrefix("good") } == 300 })
        #expect(await eventually(.seconds(30)) { seen.all.count { $0.delivery.attempt == 2 } == 300 })
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 900 })
        // Nothing was skipped or handled twice around the pauses.
        #expect(Set(seen.all.filter { $0.delivery.attempt == 2 }.map(\.delivery.id)).count == 300)
        #expect(seen.all.count == 900)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aMessageWhoseFollowersKafkaCannotTakeIsInTheDLQAndNotUndone() async throws {
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        let journal = Journal()
        let event = OutgoingMessage(KafkaRecord(topic: Topic.paymentEvents.name, key: [65], value: Array(repeating: 65, count: 2_000_000)))
        let running = try RunningWorker.payments(cluster, producer, gaveUp: { _ in journal.add("undone") }) { _ in .done([event]) }
        _ = try await producer.send(command("m"))
        #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 1 })
        #expect(try await cluster.everything(in: .paymentDeadLetters).map(\.text) == ["m"])
        #expect(journal.all.isEmpty)
        try await running.stop()
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }
}
