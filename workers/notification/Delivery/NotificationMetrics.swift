import Metrics
import Telemetry

/// What this worker counts beside what every worker does.
struct NotificationMetrics: Sendable {
    private let registry: PrometheusRegistry
    private let outcomes: [Channel: [String: Counter]]
    private let durations: [Channel: Timer]

    init(registry: PrometheusRegistry = Telemetry.registry) {
        self.registry = registry
        outcomes = Dictionary(
            uniqueKeysWithValues: Channel.allCases.map { channel in
                let counters = ["sent", "failed", "skipped"].map { ($0, MetricName.notifications.counter(channel.rawValue, $0, in: registry)) }
                return (channel, Dictionary(uniqueKeysWithValues: counters))
            })
        durations = Dictionary(
            uniqueKeysWithValues: Channel.allCases.map { ($0, MetricName.notificationSendDuration.timer($0.rawValue, in: registry)) })
    }

    /// Counts a notification that ended without anything being sent.
    func ended(_ channel: Channel, _ verdict: Verdict) { outcomes[channel]?[verdict.status]?.increment() }

    /// Counts one that a server took or refused.
    func sent(_ channel: Channel, _ verdict: Verdict, after duration: Duration) {
        ended(channel, verdict)
        durations[channel]?.record(duration: duration)
    }
}
