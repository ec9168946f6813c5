import CoreMetrics
import Domain
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
    private let series = Mutex<[KafkaTopicPartition: Series]>([:])

    /// What is shown of a partition.
    private struct Series {
        let messages: Meter
        let seconds: Meter
        /// Since when it is behind at this offset, where nothing of it is in hand to tell its age.
        var behind: (offset: Int64, sinceMs: Int64)?
    }

    /// How far a partition is behind.
    private struct Lag {
        let messages: Int64
        /// The next offset to handle.
        let next: Int64
        /// When the oldest message in hand was written, in ms since 1970.
        let oldestMs: Int64?
    }

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
        var lags: [KafkaTopicPartition: Lag] = [:]
        for topic in Set(owned.map(\.topic)) {
            let partitions = owned.filter { $0.topic == topic }
            let unknown = partitions.filter { offsets.handled($0) == nil }
            let committed = unknown.isEmpty ? [:] : try await consumer.committed(Array(unknown))
            let ranges = try await consumer.offsets(topic: topic)
            for partition in partitions {
                guard let range = ranges[partition.partition] else { continue }
                let next = offsets.handled(partition) ?? committed[partition] ?? range.low
                let from = max(next, range.low)
                lags[partition] = Lag(messages: max(0, range.high - from), next: from, oldestMs: offsets.oldestMs(partition))
            }
        }
        show(lags)
    }

    /// Sets the gauges, and removes those of partitions that others own now.
    private func show(_ lags: [KafkaTopicPartition: Lag]) {
        let now = WallClock.nowMs()
        series.withLock { series in
            for (partition, gone) in series where lags[partition] == nil {
                gone.messages.destroy()
                gone.seconds.destroy()
                series[partition] = nil
            }
            for (partition, lag) in lags {
                var shown = series[partition] ?? make(partition)
                shown.behind = lag.messages == 0 ? nil : shown.behind.flatMap { $0.offset == lag.next ? $0 : nil } ?? (lag.next, now)
                let sinceMs = lag.messages == 0 ? now : lag.oldestMs ?? shown.behind?.sinceMs ?? now
                shown.messages.set(lag.messages)
                shown.seconds.set(Double(max(0, now - sinceMs)) / 1000)
                series[partition] = shown
            }
        }
    }

    private func make(_ partition: KafkaTopicPartition) -> Series {
        func gauge(_ name: MetricName) -> Meter { name.gauge(configuration.group, partition.topic, "\(partition.partition)", in: registry) }
        return Series(messages: gauge(.kafkaConsumerLag), seconds: gauge(.kafkaConsumerLagSeconds))
    }
}
