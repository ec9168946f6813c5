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
    private let isPaused: Meter

    init(worker: String, registry: PrometheusRegistry) {
        counters = Outcome.allCases.map { MetricName.workerMessages.counter(worker, $0.rawValue, in: registry) }
        deadLetters = MetricName.dlqMessages.counter(worker, in: registry)
        isPaused = Meter(label: "worker_paused", dimensions: [("worker", worker)], factory: registry)
        isPaused.set(0)
        duration = MetricName.workerHandleDuration.timer(worker, in: registry)
    }

    /// Counts messages by how they ended.
    func count(_ outcome: Outcome, _ count: Int = 1) {
        guard count > 0, let index = Outcome.allCases.firstIndex(of: outcome) else { return }
        counters[index].increment(by: count)
        if outcome == .deadLetter { deadLetters.increment(by: count) }
    }

    /// Shows whether the worker waits for something that is away, or for a handler that does not return.
    func paused(_ isPaused: Bool) {
        self.isPaused.set(isPaused ? 1 : 0)
    }

    /// Records the time that one call of the handler took.
    func handled(_ time: Duration) {
        let (seconds, attoseconds) = time.components
        duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
