import Domain
import KafkaClient
import KafkaTestSupport
import ServiceLifecycle
import Synchronization
import Telemetry
import Testing
import Topics

@testable import DeadLetters
@testable import WorkerRuntime

/// From the worker to the DLQ, back to the worker, and there again.
@Suite(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(2)))
struct RoundTripTests {
    @Test func aRedrivenCommandIsAFirstAttemptOfTheOriginal() async throws {
        try await Desk.with { bench in
            let seen = Mutex<[Delivery]>([])
            let mended = Mutex(false)
            let handler = Handler { delivery in
                seen.withLock { $0.append(delivery) }
                return mended.withLock { $0 } ? .done() : .retry(Failure(.retry, label: "gateway", message: "attempt \(delivery.attempt)"))
            }
            let worker = try worker(bench, "payment", .paymentCommands) {
                try Worker(configuration: $0, handler: handler, producer: bench.producer, registry: $1, logger: .quiet)
            }
            let command = KafkaRecord(
                topic: "payment.commands", partition: 0, key: [1], value: [0xff, 0],
                headers: [KafkaHeader(name: "ce_id", text: "c"), KafkaHeader(name: "x", value: [0, 255])], timestampMs: 5)
            try await bench.send([command])
            let desk = bench.desk()
            var places: [DeadLetterPlace] = []
            // Twice around, failing; the third time it is well.
            for round in 0..<3 {
                #expect(try await eventually(.seconds(30)) { try await bench.open() == ["payment": 1] })
                let letter = try #require(try await desk.list(DeadLetterFilter(status: .open)).letters.first)
                #expect(letter.redrives == round)
                #expect(letter.source == "payment.commands/0/0")
                #expect(letter.attempts == 4)
                #expect(letter.site.hasPrefix("DeadLettersTests/RoundTripTests.swift:"))
                #expect(letter.redriveOf == places.last?.description)
                places.append(letter.place)
                if round == 2 { mended.withLock { $0 = true } }
                let redriven = try await desk.redrive(DeadLetterFilter(), RedriveOptions(actor: .operator("t"))).redriven
                #expect(redriven == 1)
            }
            #expect(await eventually(.seconds(20)) { seen.withLock { $0.count } == 13 })
            try await worker.stop()
            let deliveries = seen.withLock { $0 }
            #expect(deliveries.map(\.attempt) == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1])
            for delivery in deliveries {
                #expect(delivery.id == "c")
                #expect(delivery.message.topic == "payment.commands")
                #expect(delivery.message.offset == 0)
                #expect(delivery.message.value == [0xff, 0])
                #expect(delivery.message.key == [1])
                #expect(delivery.message.timestampMs == 5)
                #expect(delivery.message.headers.filter { !RedriveHeader.contains($0.name) } == command.headers)
            }
            let details = try await desk.show(try #require(places.last))
            #expect(details.history.map(\.redrives) == [0, 1, 2])
            #expect(try await bench.statuses() == ["redriven": 3])
        }
    }

    @Test func aProjectionReadsItsRedrivesToo() async throws {
        try await Desk.with { bench in
            let mended = Mutex(false)
            let applied = Mutex<[KafkaMessage]>([])
            let handler = Projection(isMended: { mended.withLock { $0 } }) { message in applied.withLock { $0.append(message) } }
            let worker = try worker(bench, "inventory-sync", .bookingEvents) {
                try Worker(configuration: $0, handler: handler, producer: bench.producer, registry: $1, logger: .quiet)
            }
            try await bench.send([KafkaRecord(topic: "booking.events", partition: 1, key: [2], value: [9])])
            let desk = bench.desk()
            #expect(try await eventually(.seconds(30)) { try await bench.open() == ["inventory-sync": 1] })
            mended.withLock { $0 = true }
            _ = try await desk.redrive(DeadLetterFilter(), RedriveOptions(actor: .operator("t")))
            #expect(await eventually(.seconds(20)) { applied.withLock { $0.count } == 1 })
            let message = try #require(applied.withLock { $0.first })
            #expect(message.topicPartition == KafkaTopicPartition(topic: "booking.events", partition: 1))
            #expect(message.offset == 0)
            #expect(message.value == [9])
            #expect(
                try await eventually(.seconds(10)) {
                    try await bench.admin.committedOffsets(group: "inventory-sync")[
                        KafkaTopicPartition(topic: "inventory-sync.redrive", partition: 1)] == 1
                })
            try await worker.stop()
        }
    }

    private func worker(
        _ bench: Desk, _ group: String, _ topic: Topic, _ make: (WorkerConfiguration, PrometheusRegistry) throws -> Worker
    ) throws -> Running {
        var configuration = WorkerConfiguration(name: group, group: group, topics: [topic], bootstrapServers: bench.cluster.bootstrap)
        configuration.retryDelays = [.milliseconds(20), .milliseconds(20), .milliseconds(20)]
        configuration.verdictDelay = .milliseconds(10)
        configuration.window = .milliseconds(20)
        return Running(try make(configuration, PrometheusRegistry()))
    }

    private struct Running {
        let group: ServiceGroup
        let task: Task<Void, any Error>

        init(_ worker: Worker) {
            let group = ServiceGroup(services: [worker], logger: .quiet)
            self.group = group
            task = Task { try await group.run() }
        }

        func stop() async throws {
            await group.triggerGracefulShutdown()
            try await task.value
        }
    }

    private struct Handler: MessageHandler {
        let body: @Sendable (Delivery) -> MessageOutcome
        func handle(_ delivery: Delivery) async throws -> MessageOutcome { body(delivery) }
    }

    private struct Projection: BatchHandler {
        let isMended: @Sendable () -> Bool
        let apply: @Sendable (KafkaMessage) -> Void

        func decode(_ message: KafkaMessage) throws -> KafkaMessage? {
            if !isMended() { throw JSONError(path: ["zone"], reason: "is missing") }
            return message
        }

        func apply(_ items: [BatchItem<KafkaMessage>]) async throws -> [Refusal] {
            for item in items { apply(item.message) }
            return []
        }
    }
}
