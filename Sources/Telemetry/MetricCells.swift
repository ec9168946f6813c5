import CoreMetrics
import Synchronization

/// A `Double` that threads add to without a lock: its bits in a 64-bit atomic.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func store(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func add(_ amount: Double) {
        var seen = bits.load(ordering: .relaxed)
        while true {
            let wanted = (Double(bitPattern: seen) + amount).bitPattern
            let outcome = bits.weakCompareExchange(expected: seen, desired: wanted, ordering: .relaxed)
            if outcome.exchanged { return }
            seen = outcome.original
        }
    }
}

/// One series of a counter.
final class CounterCell: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { count.store(0, ordering: .relaxed) }
}

/// One series of a counter of seconds or other fractions.
final class FloatingPointCounterCell: FloatingPointCounterHandler {
    private let sum = AtomicDouble()

    var value: Double { sum.value }

    func increment(by amount: Double) {
        // Prometheus reads a falling counter as a restart.
        if amount > 0, amount.isFinite { sum.add(amount) }
    }
    func reset() { sum.store(0) }
    func store(_ value: Double) { sum.store(value) }
}

/// One series of a gauge; also stands behind swift-metrics' `Gauge`, a recorder that does not aggregate.
final class GaugeCell: MeterHandler, RecorderHandler {
    private let current = AtomicDouble()

    var value: Double { current.value }

    func set(_ value: Int64) { current.store(Double(value)) }
    func set(_ value: Double) { current.store(value) }
    func increment(by amount: Double) { current.add(amount) }
    func decrement(by amount: Double) { current.add(-amount) }
    func record(_ value: Int64) { current.store(Double(value)) }
    func record(_ value: Double) { current.store(value) }
}

/// One series of a histogram with fixed buckets; timers record nanoseconds and are kept in seconds.
final class HistogramCell: RecorderHandler, TimerHandler {
    /// Upper bounds in seconds, fit for 1 ms to 10 s; what lies above is in `+Inf`.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

    /// Not cumulative; the last one is `+Inf`.
    private let counts: InlineArray<14, Atomic<Int>> = .init { _ in Atomic(0) }
    private let total = AtomicDouble()

    func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }
    func record(_ value: Int64) { observe(Double(value)) }
    func record(_ value: Double) { observe(value) }

    private func observe(_ value: Double) {
        guard value.isFinite else { return }
        var bucket = 0
        while bucket < Self.bounds.count, value > Self.bounds[bucket] { bucket += 1 }
        counts[bucket].wrappingAdd(1, ordering: .relaxed)
        total.add(value)
    }

    /// The cumulative counts, `+Inf` last, and the sum of what was recorded.
    func snapshot() -> (cumulative: [Int], sum: Double) {
        var running = 0
        let cumulative = counts.indices.map { index in
            running += counts[index].load(ordering: .relaxed)
            return running
        }
        return (cumulative, total.value)
    }
}
