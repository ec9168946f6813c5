import Foundation
import KafkaClient
import LoadGenerator
import Logging

/// The measurements of one sync mode, one after the other, against one broker.
struct BrokerMeasurement: Sendable {
    static let topic = "bench"
    static let partitions: Int32 = 8
    static let recordBytes = 250
    /// Log that a start is measured with: 1 GiB of records.
    static let startRecords = (1 << 30) / recordBytes
    static let wakeups = 1_000
    static let idle: Duration = .seconds(3)
    /// The longest pause without a record or an acknowledgement.
    static let limit: Duration = .seconds(30)

    let server: BrokerServer

    private var logger: Logger { Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() }) }

    /// - Parameter whole: with starts, memory and idle CPU too.
    func run(records: Int, whole: Bool) async throws -> BrokerFigures.Mode {
        try await server.start()
        let admin = try KafkaAdmin(configuration: .init(bootstrapServers: server.bootstrap, clientID: "bench"), logger: logger)
        try await admin.createTopic(Self.topic, partitions: Int(Self.partitions))
        await admin.shutdown()
        // Measured first, on a broker that has served nobody yet.
        let join = try await firstJoin()
        Output.progress("    first join \(Int(join)) ms")
        let first = min(records, whole ? Self.startRecords : records)
        var seconds = try await produce(first)
        Output.progress("    \(Int(Double(first) / seconds)) records/s in")
        var startMs: Double?
        var startAfterKillMs: Double?
        var startLogMib: Double?
        if whole {
            startLogMib = server.logMiB()
            server.end(SIGKILL)
            startAfterKillMs = try await server.start()
            server.end(SIGTERM)
            startMs = try await server.start()
            Output.progress("    start \(Int(startMs ?? 0)) ms, after a kill \(Int(startAfterKillMs ?? 0)) ms")
            if records > first { seconds += try await produce(records - first) }
        }
        let rss = try server.residentMiB()
        let consumed = try await consume(records)
        Output.progress("    \(Int(consumed)) records/s out, \(Int(rss)) MiB resident")
        let wakeup = try await WakeupMeasurement(bootstrap: server.bootstrap, logger: logger).run(count: Self.wakeups)
        var figures = BrokerFigures.Mode(
            produceRecordsPerSecond: Double(records) / seconds, consumeRecordsPerSecond: consumed, firstJoinMs: join,
            fetchWakeupP50Ms: wakeup.wakeup.p50, fetchWakeupP99Ms: wakeup.wakeup.p99, ackP50Ms: wakeup.ack.p50, ackP99Ms: wakeup.ack.p99,
            startMs: startMs, startAfterKillMs: startAfterKillMs, startLogMib: startLogMib, rssMib: max(rss, try server.residentMiB()),
            records: records)
        if whole { figures.idleCpuPercent = try await idleCPU() }
        return figures
    }

    /// Makes the first member of a group and waits for its partitions.
    /// - Returns: milliseconds.
    private func firstJoin() async throws -> Double {
        let begin = ContinuousClock.now
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(
                bootstrapServers: server.bootstrap, clientID: "bench", groupID: "bench-\(UUID().uuidString)", topics: [Self.topic]), logger: logger)
        while consumer.assignment.count < Int(Self.partitions) {
            _ = try await consumer.next(max: 1, wait: .milliseconds(10))
            if ContinuousClock.now - begin > Self.limit { throw BrokerServer.Failure(description: "no assignment within \(Self.limit)") }
        }
        let taken = (ContinuousClock.now - begin) / .milliseconds(1)
        await consumer.close()
        return taken
    }

    /// - Returns: seconds until the last acknowledgement.
    private func produce(_ count: Int) async throws -> Double {
        var configuration = KafkaProducerConfiguration(bootstrapServers: server.bootstrap, clientID: "bench")
        configuration.compression = "none"
        configuration.messageTimeout = Self.limit
        configuration.maxQueued = ProduceRun.maxInFlight * 2
        let producer = try KafkaProducer(configuration: configuration, logger: logger)
        try await producer.warmUp(topics: [Self.topic])
        let run = ProduceRun(producer: producer, count: count)
        let seconds = try await run.seconds()
        await producer.shutdown(flush: .seconds(5))
        return seconds
    }

    /// - Returns: records a second.
    private func consume(_ count: Int) async throws -> Double {
        var configuration = KafkaConsumerConfiguration(bootstrapServers: server.bootstrap, clientID: "bench")
        configuration.maxPrefetchMessages = 100_000
        configuration.maxPrefetchKilobytes = 65_536
        let reader = try KafkaConsumer(configuration: configuration, logger: logger)
        let begin = ContinuousClock.now
        try await reader.assign(
            Dictionary(uniqueKeysWithValues: (0..<Self.partitions).map { (KafkaTopicPartition(topic: Self.topic, partition: $0), .beginning) }))
        var read = 0
        while read < count {
            let batch = try await reader.next(max: 20_000, wait: Self.limit)
            if batch.messages.isEmpty { throw BrokerServer.Failure(description: "\(read) of \(count) records came") }
            read += batch.messages.count
        }
        let rate = Double(read) / ((ContinuousClock.now - begin) / .seconds(1))
        await reader.close()
        return rate
    }

    private func idleCPU() async throws -> Double {
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: server.bootstrap, clientID: "bench", groupID: "idle", topics: [Self.topic]),
            logger: logger)
        // Its fetches wait at the end of the log.
        var offsets: [KafkaTopicPartition: Int64] = [:]
        for (partition, end) in try await consumer.endOffsets(topic: Self.topic) {
            offsets[KafkaTopicPartition(topic: Self.topic, partition: partition)] = end
        }
        while consumer.assignment.count < Int(Self.partitions) { _ = try await consumer.next(max: 1, wait: .milliseconds(10)) }
        for (partition, end) in offsets { try await consumer.seek(partition, to: .at(end)) }
        _ = try await consumer.next(max: 1_000_000, wait: .milliseconds(500))
        let sampler = CPUSampler(["broker": server.pid])
        try await Task.sleep(for: Self.idle)
        let used = sampler.usage().percent["broker"] ?? 0
        await consumer.close()
        return used
    }
}
