import KafkaClient
import KafkaTestSupport
import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import Topics

@testable import WorkerRuntime

/// A projection into memory whose behaviour tests steer.
final class Projection: BatchHandler {
    struct Behaviour {
        var applied: [String: Int] = [:]
        var batches: [Int] = []
        var decodes: @Sendable (String) throws -> Bool = { _ in true }
        var failure: @Sendable ([String]) -> Failure? = { _ in nil }
        var refuses: @Sendable (String) -> Bool = { _ in false }
        var lastWord: @Sendable ([String]) -> Failure? = { _ in nil }
        var told: [String] = []
        var pause: Duration = .zero
    }

    let state = Mutex(Behaviour())

    func change(_ body: (inout Behaviour) -> Void) {
        state.withLock { body(&$0) }
    }

    var applied: [String: Int] { state.withLock { $0.applied } }
    var batches: [Int] { state.withLock { $0.batches } }

    func decode(_ message: KafkaMessage) throws -> String? {
        let text = String(decoding: message.value ?? [], as: UTF8.self)
        return try state.withLock { $0.decodes }(text) ? text : nil
    }

    /// What it was told is given up.
    var told: [String] { state.withLock { $0.told } }

    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        let texts = messages.map(\.message.text)
        if let failure = state.withLock({ $0.lastWord })(texts) { throw failure }
        state.withLock { $0.told += texts }
    }

    func apply(_ items: [BatchItem<String>]) async throws -> [Refusal] {
        let (failure, pause, refuses) = state.withLock { state in
            state.batches.append(items.count)
            return (state.failure, state.pause, state.refuses)
        }
        if pause > .zero { try await Task.sleep(for: pause) }
        if let failure = failure(items.map(\.value)) { throw failure }
        let refused = items.indices.filter { refuses(items[$0].value) }
        state.withLock { state in
            for index in items.indices where !refused.contains(index) { state.applied[items[index].value, default: 0] += 1 }
        }
        return refused.map { Refusal($0, Failure(.deadLetter, label: "refused", message: "no")) }
    }
}

/// A command handler made of a closure.
struct Commands: MessageHandler {
    let body: @Sendable (Delivery) async throws -> MessageOutcome
    var gaveUp: @Sendable ([GivenUpMessage]) async throws -> Void = { _ in }

    func gaveUp(_ messages: [GivenUpMessage]) async throws { try await gaveUp(messages) }

    func handle(_ delivery: Delivery) async throws -> MessageOutcome {
        try await body(delivery)
    }
}

/// What a test saw of deliveries.
final class Seen: Sendable {
    private let deliveries = Mutex<[(delivery: Delivery, at: ContinuousClock.Instant)]>([])

    func add(_ delivery: Delivery) { deliveries.withLock { $0.append((delivery, .now)) } }
    var all: [(delivery: Delivery, at: ContinuousClock.Instant)] { deliveries.withLock { $0 } }
    func of(_ text: String) -> [(delivery: Delivery, at: ContinuousClock.Instant)] { all.filter { $0.delivery.message.text == text } }
}

/// A message for a worker that has retry topics, on one partition unless another is named, with headers that are not UTF-8.
func command(_ text: String, key: String? = nil, partition: Int32? = 0) -> KafkaRecord {
    KafkaRecord(
        topic: Topic.paymentCommands.name, partition: partition, key: Array((key ?? text).utf8), value: Array(text.utf8),
        headers: [
            KafkaHeader(name: "ce_id", text: "id-\(text)"), KafkaHeader(name: "x", value: [0, 255]),
            KafkaHeader(name: "traceparent", text: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ], timestampMs: 5)
}

/// A running worker of a test, with all that it needs.
struct RunningWorker {
    let worker: Worker
    let registry: PrometheusRegistry
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    init(
        _ cluster: TestCluster, group name: String, topics: [Topic], _ producer: KafkaProducer,
        make: (WorkerConfiguration, PrometheusRegistry) throws -> Worker
    ) throws {
        var configuration = WorkerConfiguration(name: name, group: name, topics: topics, bootstrapServers: cluster.bootstrap)
        configuration.retryDelays = [.milliseconds(20), .milliseconds(40)]
        configuration.outageBackoff = .milliseconds(20) ... .milliseconds(100)
        configuration.window = .milliseconds(20)
        registry = PrometheusRegistry()
        worker = try make(configuration, registry)
        let service = ServiceGroup(services: [worker], logger: .quiet)
        group = service
        task = Task { try await service.run() }
    }

    static func projection(
        _ cluster: TestCluster, _ producer: KafkaProducer, _ handler: Projection, _ change: (inout WorkerConfiguration) -> Void = { _ in }
    ) throws -> RunningWorker {
        try RunningWorker(cluster, group: "inventory-sync", topics: [.bookingEvents], producer) { configuration, registry in
            var configuration = configuration
            change(&configuration)
            return try Worker(configuration: configuration, handler: handler, producer: producer, registry: registry, logger: .quiet)
        }
    }

    static func commands(
        _ cluster: TestCluster, _ producer: KafkaProducer, _ change: (inout WorkerConfiguration) -> Void = { _ in },
        gaveUp: @escaping @Sendable ([GivenUpMessage]) async throws -> Void = { _ in },
        _ body: @escaping @Sendable (KafkaMessage, Int) async throws -> MessageOutcome
    ) throws -> RunningWorker {
        try RunningWorker(cluster, group: "expiry", topics: [.bookingCommands], producer) { configuration, registry in
            var configuration = configuration
            change(&configuration)
            return try Worker(
                configuration: configuration, handler: Commands(body: { try await body($0.message, $0.attempt) }, gaveUp: gaveUp), producer: producer,
                registry: registry, logger: .quiet)
        }
    }

    /// A worker of a group that has retry topics.
    static func payments(
        _ cluster: TestCluster, _ producer: KafkaProducer, inbox: Inbox? = nil, _ change: (inout WorkerConfiguration) -> Void = { _ in },
        gaveUp: @escaping @Sendable ([GivenUpMessage]) async throws -> Void = { _ in },
        _ body: @escaping @Sendable (Delivery) async throws -> MessageOutcome
    ) throws -> RunningWorker {
        try RunningWorker(cluster, group: "payment", topics: [.paymentCommands], producer) { configuration, registry in
            var configuration = configuration
            configuration.retryDelays = [.milliseconds(200), .milliseconds(400), .milliseconds(600)]
            change(&configuration)
            return try Worker(
                configuration: configuration, handler: Commands(body: body, gaveUp: gaveUp), inbox: inbox, producer: producer, registry: registry,
                logger: .quiet)
        }
    }

    /// SIGTERM, and waits for the end.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await task.value
    }

    /// Waits until the worker ends by itself.
    func ended() async throws {
        try await task.value
    }

    /// A sample of the registry, by its series as Prometheus prints it.
    func metric(_ series: String) -> Double? {
        for line in registry.render().split(separator: "\n") where line.hasPrefix(series + " ") { return Double(line.dropFirst(series.count + 1)) }
        return nil
    }
}

extension TestCluster {
    /// A cluster of its own with the declared topics.
    static func declared() async throws -> TestCluster {
        let cluster = try TestCluster()
        let admin = try cluster.admin()
        _ = try await TopicApplier(catalogue: .load()).apply(admin: admin)
        await admin.shutdown()
        return cluster
    }

    /// The offsets that a group has committed, in all.
    func committed(_ group: String) async throws -> Int64 {
        let admin = try admin()
        let offsets = try await admin.committedOffsets(group: group)
        await admin.shutdown()
        return offsets.values.reduce(0, +)
    }

    /// Whether a group has committed all that is on some topics.
    func isAtTheEnd(_ group: String, of topics: [Topic]) async throws -> Bool {
        let admin = try admin()
        let committed = try await admin.committedOffsets(group: group)
        var isBehind = false
        for topic in topics {
            for (number, range) in try await admin.offsets(topic: topic.name) {
                let next = committed[KafkaTopicPartition(topic: topic.name, partition: number)] ?? 0
                isBehind = isBehind || next < range.high
            }
        }
        await admin.shutdown()
        return !isBehind
    }

    /// Everything in a topic.
    func everything(in topic: Topic) async throws -> [KafkaMessage] {
        let reader = try reader()
        let ends = try await reader.endOffsets(topic: topic.name)
        try await reader.assign(
            Dictionary(uniqueKeysWithValues: ends.keys.map { (KafkaTopicPartition(topic: topic.name, partition: $0), .beginning) }))
        let messages = try await reader.collect(Int(ends.values.reduce(0, +)), limit: .seconds(10))
        await reader.close()
        return messages
    }
}

/// Events with keys and values `prefix0`, `prefix1`, ….
func records(_ topic: Topic, _ range: Range<Int>, prefix: String = "m", keys: Int = .max) -> [KafkaRecord] {
    range.map { KafkaRecord(topic.name, "k\($0 % keys)", "\(prefix)\($0)") }
}
