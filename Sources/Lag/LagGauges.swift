import CoreMetrics
import Synchronization
import Telemetry

/// The series of ``LagExporter``: as many as the newest sample has, each with its value.
final class LagGauges: Sendable {
    private struct Series: Hashable {
        let name: MetricName
        let labels: [String]
    }

    private let registry: PrometheusRegistry
    private let shown = Mutex<Set<Series>>([])

    init(registry: PrometheusRegistry) {
        self.registry = registry
    }

    /// Sets what is known and removes the rest of what was shown.
    func show(_ groups: [GroupLag]) {
        let values = Self.values(groups)
        shown.withLock { shown in
            for gone in shown.subtracting(values.keys) { meter(gone).destroy() }
            // Looked up each time: another part of the process may have removed a series of the same name and labels.
            for (series, value) in values { meter(series).set(value) }
            shown = Set(values.keys)
        }
    }

    private func meter(_ series: Series) -> Meter {
        Meter(label: series.name.text, dimensions: Array(zip(series.name.labels, series.labels)), factory: registry)
    }

    private static func values(_ groups: [GroupLag]) -> [Series: Double] {
        var values: [Series: Double] = [:]
        for group in groups {
            values[Series(name: .kafkaConsumerMembers, labels: [group.group])] = group.members.map(Double.init)
            // Nothing is known of its partitions, so this stands for all of them.
            for topic in group.missing { values[Series(name: .kafkaConsumerStatus, labels: [group.group, topic, ""])] = LagStatus.unknown.number }
            for lag in group.partitions {
                let labels = [lag.group, lag.topic, "\(lag.partition)"]
                values[Series(name: .kafkaConsumerLag, labels: labels)] = lag.messages.map(Double.init)
                values[Series(name: .kafkaConsumerLagSeconds, labels: labels)] = lag.seconds
                values[Series(name: .kafkaConsumerArrivals, labels: labels)] = lag.rateIn
                values[Series(name: .kafkaConsumerDepartures, labels: labels)] = lag.rateOut
                values[Series(name: .kafkaConsumerStatus, labels: labels)] = lag.status.number
            }
        }
        return values
    }
}

extension LagStatus {
    /// The value of `kafka_consumer_status`; the alert rules know these numbers.
    var number: Double {
        switch self {
        case .ok: 0
        case .warning: 1
        case .stalled: 2
        case .stopped: 3
        case .rewound: 4
        case .unknown: 5
        }
    }
}
