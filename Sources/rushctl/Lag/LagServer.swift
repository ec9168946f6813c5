import Lag
import Logging
import ServiceLifecycle
import Telemetry

/// `rushctl lag --exporter`: the exporter with its own port, until SIGTERM or SIGINT.
struct LagServer {
    let configuration: LagConfiguration
    let interval: Duration
    let port: Int

    func run() async throws {
        let exporter = try LagExporter(configuration: configuration, interval: interval, logger: Connections.logger)
        let monitoring = MonitoringServer(
            service: "lag-exporter", port: port,
            onListening: { Output.progress("Metrics at http://127.0.0.1:\($0)/metrics, every \(interval); Ctrl-C ends it.") },
            readiness: {
                let isKnown = exporter.newest?.contains { !$0.partitions.isEmpty && $0.isComplete } ?? false
                return Readiness(isReady: isKnown, dependencies: [.init("kafka", isKnown ? .up : .down)])
            })
        let services = ServiceGroupConfiguration(
            services: [monitoring, exporter], gracefulShutdownSignals: [.sigterm, .sigint], logger: Connections.logger)
        try await ServiceGroup(configuration: services).run()
    }
}
