import CoreMetrics
import Glibc
public import Logging
import Synchronization

/// What every process of the installation says about itself: JSON lines on stderr and Prometheus figures.
public enum Telemetry {
    /// The process-wide registry. Handles made from ``MetricName`` belong to it, before and after ``bootstrap(service:level:)``.
    public static let registry = PrometheusRegistry()

    private static let isBootstrapped = Atomic<Bool>(false)

    /// Sends swift-log to ``JSONLogHandler`` and swift-metrics to ``registry``; a second call does nothing.
    ///
    /// Also ignores SIGPIPE, so that a reader of stderr that goes away cannot end the process.
    /// - Parameters:
    ///   - service: the `service` field of each line, such as `ingress`.
    ///   - level: nil reads `LOG_LEVEL`; where that is absent or unknown the level is `info`.
    public static func bootstrap(service: String, level: Logger.Level? = nil) {
        guard isBootstrapped.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
        signal(SIGPIPE, SIG_IGN)
        let wanted = getenv("LOG_LEVEL").map { String(cString: $0).lowercased() }
        let environmentLevel = wanted.flatMap(Logger.Level.init(rawValue:))
        let chosen = level ?? environmentLevel ?? .info
        LoggingSystem.bootstrap(
            { label, provider in JSONLogHandler(service: service, label: label, level: chosen, metadataProvider: provider) },
            metadataProvider: TraceContext.metadataProvider)
        MetricsSystem.bootstrap(registry)
        ProcessMetrics.register(in: registry)
        if level == nil, let wanted, environmentLevel == nil {
            Logger(label: "telemetry").warning("unknown LOG_LEVEL, using info", metadata: ["log.level": "\(wanted.prefix(32))"])
        }
    }
}
