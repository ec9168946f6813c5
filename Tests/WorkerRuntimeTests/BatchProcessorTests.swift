import KafkaClient
import KafkaTestSupport
import Synchronization
import Telemetry
import Testing

@testable import WorkerRuntime

/// The decisions about a batch, without Kafka.
struct BatchProcessorTests {
    private let handler = Projection()
    private let control = WorkerControl()

    private func processor(_ bury: (@Sendable ([DeadLetter]) async throws -> Void)? = nil) -> BatchProcessor<Projection> {
        var configuration = WorkerConfiguration(name: "test", group: "inventory-sync", topics: [.bookingEvents], bootstrapServers: "none")
        configuration.retryDelays = [.milliseconds(1), .milliseconds(1)]
        configuration.outageBackoff = .milliseconds(1) ... .milliseconds(2)
        return BatchProcessor(
            handler: handler, configuration: configuration, control: control, metrics: WorkerMetrics(worker: "test", registry: PrometheusRegistry()),
            logger: .quiet,
            handover: Handover(
                configuration: configuration, control: control, logger: .quiet, bury: bury ?? { _ in }, postpone: { _, _, _ in }, send: { _ in },
                gaveUp: { [handler] in try await handler.gaveUp($0) }),
            watchdog: Watchdog(configuration: configuration, control: control, logger: .quiet))
    }

    private final class Graves: Sendable {
        let letters = Mutex<[DeadLetter]>([])
    }

    private func batch(_ count: Int) -> [KafkaMessage] {
        (0..<count).map { KafkaMessage(topic: "booking.events", partition: 0, offset: Int64($0), key: [1], value: Array("m\($0)".utf8)) }
    }

    /// Processes a batch and returns what was buried.
    private func process(_ count: Int) async throws -> [DeadLetter] {
        let graves = Graves()
        try await processor { letters in graves.letters.withLock { $0 += letters } }.process(batch(count)) { false }
        return graves.letters.withLock { $0 }
    }

    @Test func aGoodBatchIsAppliedOnce() async throws {
        #expect(try await process(100).isEmpty)
        #expect(handler.batches == [100])
        #expect(handler.applied.count == 100)
    }

    @Test func theOneToBlameIsFoundByHalving() async throws {
        handler.change { $0.failure = { $0.contains("m700") ? Failure(.deadLetter, label: "bad", message: "no") : nil } }
        let letters = try await process(1_000)
        #expect(letters.map(\.message.offset) == [700])
        #expect(letters.first?.failure.label == "bad")
        #expect(handler.applied.count == 999)
        #expect(handler.applied.values.allSatisfy { $0 == 1 })
        #expect(handler.batches.count <= 22)
    }

    @Test func aRetryThatSucceedsBuriesNothing() async throws {
        let calls = Count()
        handler.change { $0.failure = { _ in calls.next() < 3 ? Failure(.retry, label: "deadlock", message: "again") : nil } }
        #expect(try await process(10).isEmpty)
        #expect(handler.batches == [10, 10, 10])
    }

    @Test func attemptsInPlaceAreUsedUpBeforeABatchIsDivided() async throws {
        handler.change { $0.failure = { $0.contains("m3") ? Failure(.retry, label: "other", message: "again") : nil } }
        let letters = try await process(8)
        #expect(letters.map(\.message.offset) == [3])
        #expect(handler.batches.prefix(3) == [8, 8, 8])
        #expect(letters.first?.attempts == 6)
    }

    @Test func whatCannotBeReadIsBuriedWithoutStoppingTheRest() async throws {
        handler.change { $0.decodes = { if $0 == "m1" { throw Failure(.retry, label: "undecodable", message: "no") } else { $0 != "m2" } } }
        let letters = try await process(5)
        #expect(letters.map(\.message.offset) == [1])
        #expect(letters.first?.attempts == 1)
        #expect(handler.applied.keys.sorted() == ["m0", "m3", "m4"])
        #expect(handler.batches == [3])
    }

    @Test func anOutageIsWaitedForAndBuriesNothing() async throws {
        let calls = Count()
        handler.change { $0.failure = { _ in calls.next() <= 5 ? Failure(.outage, label: "down", message: "away") : nil } }
        #expect(try await process(10).isEmpty)
        #expect(handler.batches.count == 6)
        #expect(control.status.phase != .paused)
    }

    @Test func whenMostFailItIsAnOutageBeforeTheFirstDeadLetter() async throws {
        let control = control
        handler.change { $0.failure = { _ in control.status.phase == .paused ? nil : Failure(.deadLetter, label: "constraint", message: "no") } }
        #expect(try await process(20).isEmpty)
        #expect(handler.applied.count == 20)
        #expect(handler.applied.values.allSatisfy { $0 == 1 })
    }

    @Test func aFewBadOnesAreBuriedEvenWhenTheyAreMost() async throws {
        handler.change { $0.failure = { _ in Failure(.deadLetter, label: "bad", message: "no") } }
        #expect(try await process(3).count == 3)
    }

    @Test func aDLQThatDoesNotAnswerIsAnOutage() async throws {
        handler.change { $0.failure = { $0.contains("m1") ? Failure(.deadLetter, label: "bad", message: "no") : nil } }
        let calls = Count()
        let graves = Graves()
        try await processor { letters in
            if calls.next() <= 2 { throw KafkaError(.timeout, operation: "deliver", message: "away") }
            graves.letters.withLock { $0 += letters }
        }.process(batch(4)) { false }
        #expect(graves.letters.withLock { $0.map(\.message.offset) } == [1])
    }

    @Test func whatTheHandlerRefusesIsBuriedAndTheRestIsAppliedOnce() async throws {
        handler.change { $0.refuses = { $0.hasSuffix("5") } }
        let letters = try await process(100)
        #expect(letters.map(\.message.offset) == (0..<10).map { $0 * 10 + 5 })
        #expect(letters.allSatisfy { $0.failure.label == "refused" && $0.attempts == 1 })
        #expect(handler.batches == [100])
        #expect(handler.applied.count == 90)
        #expect(handler.told.count == 10)
    }

    @Test func refusalsInADividedBatchFallOnTheirOwnItems() async throws {
        handler.change { $0.refuses = { $0 == "m6" } }
        handler.change { $0.failure = { $0.contains("m1") ? Failure(.deadLetter, label: "bad", message: "no") : nil } }
        let letters = try await process(8)
        #expect(letters.map(\.message.offset).sorted() == [1, 6])
        #expect(handler.applied.keys.sorted() == ["m0", "m2", "m3", "m4", "m5", "m7"])
    }

    @Test func aBatchOfRefusalsIsNoOutage() async throws {
        handler.change { $0.refuses = { _ in true } }
        #expect(try await process(20).count == 20)
        #expect(handler.batches == [20])
    }

    @Test func theHandlerIsToldAfterTheDLQHasThem() async throws {
        handler.change { $0.failure = { $0.contains("m1") ? Failure(.deadLetter, label: "bad", message: "no") : nil } }
        let handler = handler
        try await processor { letters in
            #expect(letters.map(\.message.text) == ["m1"])
            #expect(handler.told.isEmpty)
        }.process(batch(4)) { false }
        #expect(handler.told == ["m1"])
    }

    @Test func whatTheHandlerNeedsToEndTheirWorkIsWaitedForWithoutASecondLetter() async throws {
        handler.change { $0.refuses = { $0 == "m1" } }
        let calls = Count()
        handler.change { $0.lastWord = { _ in calls.next() <= 4 ? Failure(.outage, label: "down", message: "away") : nil } }
        #expect(try await process(4).count == 1)
        #expect(handler.told == ["m1"])
        #expect(handler.batches == [4])
        #expect(control.status.phase != .paused)
    }

    @Test func aLastWordThatKeepsFailingDoesNotHoldUpThePartition() async throws {
        handler.change { $0.refuses = { $0 == "m1" } }
        let calls = Count()
        handler.change {
            $0.lastWord = { _ in
                _ = calls.next()
                return Failure(.retry, label: "other", message: "no")
            }
        }
        #expect(try await process(4).count == 1)
        #expect(calls.current == 3)
        #expect(handler.applied.count == 3)
    }

    @Test func aStaleBatchIsHandedBack() async throws {
        handler.change { $0.failure = { _ in Failure(.outage, label: "down", message: "away") } }
        let stale = Count()
        await #expect(throws: BatchProcessor<Projection>.Stop.self) { try await processor().process(batch(4)) { stale.next() > 3 } }
        #expect(handler.applied.isEmpty)
    }

    @Test func aFatalFailureStopsTheWorker() async throws {
        handler.change { $0.failure = { _ in Failure(.fatal, label: "schema", message: "no table") } }
        do {
            try await processor().process(batch(4)) { false }
            Issue.record("went on")
        } catch {
            if case .fatal(let failure) = error { #expect(failure.label == "schema") } else { Issue.record(error) }
        }
    }
}

/// Counts from any thread.
final class Count: Sendable {
    private let value = Mutex(0)

    /// Counts up and returns the new count.
    func next() -> Int {
        value.withLock {
            $0 += 1
            return $0
        }
    }

    var current: Int { value.withLock { $0 } }
}
