import Foundation

extension LocalStack {
    /// The environment of one of the product's processes: the supervisor's, then what the stack sets, then the configuration's own.
    public nonisolated func environment(for component: Component) throws(LocalStackError) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        let own: [String: String] = [
            "ENVIRONMENT": environment["ENVIRONMENT"] ?? "development",
            "REDIS_URL": endpoints.redisURL,
            "DATABASE_URL": endpoints.databaseURL,
            "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafkaBootstrapServers,
            "JWT_SECRET": endpoints.jwtSecret,
            "HOLD_SECONDS": "\(configuration.holdSeconds)",
            "PROJECTION_WINDOW_MS": "\(configuration.projectionWindowMs)",
            "LOG_LEVEL": configuration.logLevel,
            "METRICS_PORT": "\(try metricsPort(of: component))",
        ]
        environment.merge(own) { $1 }
        if component.program == Component.ingress.program { environment["HTTP_PORT"] = "\(try httpPort(ofCopy: component.copy))" }
        environment.merge(configuration.environment) { $1 }
        environment.merge(configuration.programEnvironment[component.program] ?? [:]) { $1 }
        return environment
    }

    /// The `METRICS_PORT` of one process; its `/metrics`, `/health` and `/ready` are there.
    public nonisolated func metricsPort(of component: Component) throws(LocalStackError) -> Int {
        try book.metricsPort(of: component, first: configuration.ports.firstMetrics)
    }

    /// The public port of a copy of the ingress.
    public nonisolated func httpPort(ofCopy copy: Int = 1) throws(LocalStackError) -> Int {
        copy == 1 ? endpoints.httpPort : try book.port("ingress http \(copy)", wanted: nil)
    }

    /// A client of a copy of the ingress.
    public nonisolated func probe(copy: Int = 1) throws(LocalStackError) -> HTTPProbe {
        HTTPProbe(port: try httpPort(ofCopy: copy))
    }
}
