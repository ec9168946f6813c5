import KafkaClient
import Logging

/// One record at a time to a reader whose fetch waits.
struct WakeupMeasurement {
    /// Middle and 99th percentile, in milliseconds.
    struct Spread {
        let p50: Double
        let p99: Double

        init(_ values: [Double]) {
            let sorted = values.sorted()
            p50 = sorted[sorted.count / 2]
            p99 = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        }
    }

    private static let warmUp = 50
    private static let topicPartition = KafkaTopicPartition(topic: BrokerMeasurement.topic, partition: 0)

    let bootstrap: String
    let logger: Logger

    /// - Returns: how long a record took to the reader, and how long its acknowledgement.
    func run(count: Int) async throws -> (wakeup: Spread, ack: Spread) {
        var settings = KafkaProducerConfiguration(bootstrapServers: bootstrap, clientID: "bench-wakeup")
        settings.compression = "none"
        settings.linger = .zero
        let producer = try KafkaProducer(configuration: settings, logger: logger)
        try await producer.warmUp(topics: [BrokerMeasurement.topic])
        var configuration = KafkaConsumerConfiguration(bootstrapServers: bootstrap, clientID: "bench-wakeup")
        configuration.fetchMaxWait = .seconds(5)
        let reader = try KafkaConsumer(configuration: configuration, logger: logger)
        let end = try await reader.endOffsets(topic: BrokerMeasurement.topic)[Self.topicPartition.partition] ?? 0
        try await reader.assign([Self.topicPartition: .at(end)])
        var wakeups: [Double] = []
        var acks: [Double] = []
        let record = KafkaRecord(
            topic: BrokerMeasurement.topic, partition: Self.topicPartition.partition, key: nil,
            value: [UInt8](repeating: UInt8(ascii: "w"), count: BrokerMeasurement.recordBytes))
        for index in 0..<(count + Self.warmUp) {
            // Time for the next fetch to arrive and wait; not a multiple of anything.
            try await Task.sleep(for: .microseconds(1_500 + Int64.random(in: 0..<1_000)))
            let begin = ContinuousClock.now
            async let acknowledged = Self.acknowledgement(producer, record, since: begin)
            let batch = try await reader.next(max: 1, wait: BrokerMeasurement.limit)
            let wakeup = (ContinuousClock.now - begin) / .milliseconds(1)
            let ack = try await acknowledged
            guard batch.messages.count == 1 else { throw BrokerServer.Failure(description: "a record did not come") }
            if index >= Self.warmUp {
                wakeups.append(wakeup)
                acks.append(ack)
            }
        }
        await reader.close()
        await producer.shutdown(flush: .seconds(5))
        return (Spread(wakeups), Spread(acks))
    }

    private static func acknowledgement(
        _ producer: KafkaProducer, _ record: KafkaRecord, since begin: ContinuousClock.Instant
    ) async throws -> Double {
        _ = try await producer.send(record)
        return (ContinuousClock.now - begin) / .milliseconds(1)
    }
}
