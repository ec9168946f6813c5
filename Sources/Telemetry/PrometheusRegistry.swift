public import CoreMetrics
import Synchronization

/// The process' metrics, kept as atomics and rendered on demand; swift-metrics' factory.
///
/// Making a handle takes a lock, using one does not: make handles once and keep them. Two handles with the same name and labels
/// are one series.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// Series of one metric; more than this many label sets are a mistake, and share one unrendered cell.
    public static let maxSeriesPerMetric = 20_000

    enum Cell: Sendable {
        case counter(CounterCell)
        case floatingPointCounter(FloatingPointCounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)

        var kind: MetricName.Kind {
            switch self {
            case .counter, .floatingPointCounter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        }

        var object: AnyObject {
            switch self {
            case .counter(let cell): cell
            case .floatingPointCounter(let cell): cell
            case .gauge(let cell): cell
            case .histogram(let cell): cell
            }
        }
    }

    struct Family: Sendable {
        let kind: MetricName.Kind
        let help: String
        /// Keyed by the rendered label set, such as `zone="a"`.
        var series: [String: Cell] = [:]
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var collectors: [@Sendable () -> Void] = []
        var rejected = 0
    }

    private let state = Mutex(State())

    /// An empty registry; the process has one in ``Telemetry/registry``, tests make their own.
    public init() {}

    /// Adds a body that runs at the start of each ``render()``, to set gauges that are only worth reading when scraped.
    public func addCollector(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(body) }
    }

    /// All series in Prometheus' text format 0.0.4, families and series in order of their names.
    public func render() -> String {
        for collect in state.withLock({ $0.collectors }) { collect() }
        let (families, rejected) = state.withLock { ($0.families, $0.rejected) }
        return PrometheusText.render(families, rejected: rejected)
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = label.hasSuffix("_total") ? label : label + "_total"
        let cell = cell(name, dimensions, make: { .counter(CounterCell()) })
        if case .counter(let counter) = cell { return counter }
        return CounterCell()
    }

    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        floatingPointCounter(label: label, dimensions: dimensions)
    }

    func floatingPointCounter(label: String, dimensions: [(String, String)]) -> FloatingPointCounterCell {
        let name = label.hasSuffix("_total") ? label : label + "_total"
        let cell = cell(name, dimensions, make: { .floatingPointCounter(FloatingPointCounterCell()) })
        if case .floatingPointCounter(let counter) = cell { return counter }
        return FloatingPointCounterCell()
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { histogram(label, dimensions) } else { gauge(label, dimensions) }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeCell {
        let cell = cell(label, dimensions, make: { .gauge(GaugeCell()) })
        if case .gauge(let gauge) = cell { return gauge }
        return GaugeCell()
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
        let cell = cell(label, dimensions, make: { .histogram(HistogramCell()) })
        if case .histogram(let histogram) = cell { return histogram }
        return HistogramCell()
    }

    /// The series' cell. A name that is taken by another type, or has too many series, gets a cell that is not rendered:
    /// a metric must never stop the work it measures. `telemetry_rejected_series_total` counts these.
    private func cell(_ label: String, _ dimensions: [(String, String)], make: () -> Cell) -> Cell {
        let name = PrometheusText.sanitised(label)
        let labels = PrometheusText.labels(dimensions)
        return state.withLock { state in
            let fresh = make()
            guard let kind = state.families[name]?.kind, let count = state.families[name]?.series.count else {
                state.families[name] = Family(kind: fresh.kind, help: MetricName.all[name]?.help ?? name, series: [labels: fresh])
                return fresh
            }
            if let known = state.families[name]?.series[labels], known.kind == fresh.kind { return known }
            guard kind == fresh.kind, count < Self.maxSeriesPerMetric else {
                state.rejected += 1
                return fresh
            }
            // In place: a family held in a variable meanwhile would be copied whole for each new series.
            state.families[name]?.series[labels] = fresh
            return fresh
        }
    }

    private func remove(_ handler: any Sendable) {
        let object = handler as AnyObject
        state.withLock { state in
            for (name, family) in state.families {
                guard let labels = family.series.first(where: { $0.value.object === object })?.key else { continue }
                state.families[name]?.series[labels] = nil
                if state.families[name]?.series.isEmpty == true { state.families[name] = nil }
                return
            }
        }
    }
}
