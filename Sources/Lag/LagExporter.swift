public import Logging
public import ServiceLifecycle
import Synchronization
public import Telemetry

/// Shows as metrics how far every consumer group is behind. One copy for an installation is enough; two say the same.
///
/// What is not known has no series, except in `kafka_consumer_status`, where it is counted as `unknown`.
public final class LagExporter: Service {
    private let sampler: LagSampler
    private let interval: Duration
    private let gauges: LagGauges
    private let latest = Mutex<[GroupLag]?>(nil)

    /// Makes the exporter; it asks for the first time when it is run.
    /// - Parameter interval: the pause between two samples. Default 10 s.
    /// - Throws: as ``LagSampler/init(configuration:logger:)``.
    public init(
        configuration: LagConfiguration, interval: Duration = .seconds(10), registry: PrometheusRegistry = Telemetry.registry, logger: Logger
    ) throws {
        sampler = try LagSampler(configuration: configuration, logger: logger)
        self.interval = interval
        gauges = LagGauges(registry: registry)
    }

    /// The newest sample; nil before the first.
    public var newest: [GroupLag]? { latest.withLock { $0 } }

    /// Samples until graceful shutdown or cancellation; then its series are gone.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let groups = await self.sampler.sample()
                self.gauges.show(groups)
                self.latest.withLock { $0 = groups }
                try? await Task.sleep(for: self.interval)
            }
        }
        gauges.show([])
        await sampler.shutdown()
    }
}
