import CoreMetrics
import Telemetry

/// The metrics of one worker, as handles to keep.
struct WorkerMetrics: Sendable {
    /// How a message ended, or an attempt at it.
    enum Outcome: String, CaseIterable {
        case done, retry, skip
        case deadLetter = "dead_letter"
    }

    private let counters: [Counter]
    private let deadLetters: Counter
    private let duration: Timer

    init(worker: String, registry: PrometheusRegistry) {
        counters = Outcome.allCases.map { MetricName.workerMessages.counter(worker, $0.rawValue, in: registry) }
        deadLetters = MetricName.dlqMessages.counter(worker, in: registry)
        duration = MetricName.workerHandleDuration.timer(worker, in: registry)
    }

    /// Counts messages by how they ended.
    func count(_ outcome: Outcome, _ count: Int = 1) {
        guard count > 0, let index = Outcome.allCases.firstIndex(of: outcome) else { return }
        counters[index].increment(by: count)
        if outcome == .deadLetter { deadLetters.increment(by: count) }
    }

    /// Records the time that one call of the handler took.
    func handled(_ time: Duration) {
        let (seconds, attoseconds) = time.components
        duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
