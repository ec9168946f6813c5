import CoreMetrics
import KafkaClient
import Logging
import Synchronization
import Telemetry

/// Measures how far the worker is behind on what it owns.
final class LagReporter: Sendable {
    private let consumer: KafkaConsumer
    private let offsets: Offsets
    private let configuration: WorkerConfiguration
    private let registry: PrometheusRegistry
    private let logger: Logger
    private let gauges = Mutex<[KafkaTopicPartition: Meter]>([:])

    init(consumer: KafkaConsumer, offsets: Offsets, configuration: WorkerConfiguration, registry: PrometheusRegistry, logger: Logger) {
        self.consumer = consumer
        self.offsets = offsets
        self.configuration = configuration
        self.registry = registry
        self.logger = logger
    }

    /// Measures again and again until cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                try await measure()
            } catch {
                logger.debug("lag cannot be measured", metadata: Logger.Metadata([.errorClass: "\(error.label)"]))
            }
            try? await Task.sleep(for: configuration.lagInterval)
        }
        show([:])
    }

    private func measure() async throws(KafkaError) {
        let owned = consumer.assignment
        var lags: [KafkaTopicPartition: Int64] = [:]
        for topic in Set(owned.map(\.topic)) {
            let partitions = owned.filter { $0.topic == topic }
            let unknown = partitions.filter { offsets.handled($0) == nil }
            let committed = unknown.isEmpty ? [:] : try await consumer.committed(Array(unknown))
            let ranges = try await consumer.offsets(topic: topic)
            for partition in partitions {
                guard let range = ranges[partition.partition] else { continue }
                let next = offsets.handled(partition) ?? committed[partition] ?? range.low
                lags[partition] = max(0, range.high - max(next, range.low))
            }
        }
        show(lags)
    }

    /// Sets the gauges, and removes those of partitions that others own now.
    private func show(_ lags: [KafkaTopicPartition: Int64]) {
        gauges.withLock { gauges in
            for (partition, gauge) in gauges where lags[partition] == nil {
                gauge.destroy()
                gauges[partition] = nil
            }
            for (partition, lag) in lags {
                let gauge =
                    gauges[partition]
                    ?? MetricName.kafkaConsumerLag.gauge(configuration.group, partition.topic, "\(partition.partition)", in: registry)
                gauges[partition] = gauge
                gauge.set(lag)
            }
        }
    }
}
