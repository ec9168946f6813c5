import Hummingbird
public import Logging
public import ServiceLifecycle

/// The port beside the work: `GET /metrics`, `/health` (the process turns) and `/ready` (it can work: 200, else 503).
///
/// Belongs into the process' `ServiceGroup`, before what it reports on.
public struct MonitoringServer: Service {
    private let service: String
    private let host: String
    private let port: Int
    private let registry: PrometheusRegistry
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void
    private let readiness: @Sendable () async -> Readiness

    /// - Parameters:
    ///   - service: the name in the body of `/health`.
    ///   - port: 0 takes a free one; `onListening` is told which.
    ///   - readiness: asked at each `GET /ready`; must answer from memory, at once.
    public init(
        service: String, host: String = "0.0.0.0", port: Int, registry: PrometheusRegistry = Telemetry.registry,
        logger: Logger = Logger(label: "monitoring"), onListening: @escaping @Sendable (Int) -> Void = { _ in },
        readiness: @escaping @Sendable () async -> Readiness
    ) {
        self.service = service
        self.host = host
        self.port = port
        self.registry = registry
        self.logger = logger
        self.onListening = onListening
        self.readiness = readiness
    }

    /// Serves until graceful shutdown or cancellation.
    /// - Throws: ``TelemetryError`` when the port cannot be listened on.
    public func run() async throws {
        let router = Router()
        let json = HTTPFields([.init(name: .contentType, value: "application/json")])
        router.get("metrics") { [registry] _, _ in
            Response(
                status: .ok, headers: [.contentType: PrometheusText.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: registry.render())))
        }
        router.get("health") { [service] _, _ in
            Response(
                status: .ok, headers: json,
                body: ResponseBody(byteBuffer: ByteBuffer(string: "{\"status\":\"up\",\"service\":\"\(service)\"}")))
        }
        router.get("ready") { [readiness] _, _ in
            let state = await readiness()
            return Response(
                status: state.isReady ? .ok : .serviceUnavailable, headers: json,
                body: ResponseBody(byteBuffer: ByteBuffer(string: state.json)))
        }
        var quiet = logger
        // Hummingbird announces each server at info; the process says itself where it listens.
        if quiet.logLevel == .info { quiet.logLevel = .warning }
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { [onListening] channel in
                if let port = channel.localAddress?.port { onListening(port) }
            }, logger: quiet)
        do {
            try await application.run()
        } catch {
            if error is CancellationError { throw error }
            throw TelemetryError(.serverFailed, operation: "monitoring server on \(host):\(port)", message: "\(error)", underlying: error)
        }
    }
}
