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
            "TICKET_SECRET": endpoints.ticketSecret,
            "AUDIT_KEY": endpoints.auditKey,
            "PAYMENT_GATEWAY_URL": endpoints.paymentGatewayURL,
            "PAYMENT_GATEWAY_KEY": endpoints.paymentGatewayKey,
            "PAYMENT_WEBHOOK_SECRET": endpoints.paymentWebhookSecret,
            "PII_KEY": endpoints.piiKey,
            "SMTP_URL": endpoints.smtpURL,
            "PUBLIC_URL": environment["PUBLIC_URL"] ?? endpoints.baseURL,
            "MAIL_FROM": environment["MAIL_FROM"] ?? "Booking Rush <tickets@booking-rush.example>",
            "HOLD_SECONDS": "\(configuration.holdSeconds)",
            "PROJECTION_WINDOW_MS": "\(configuration.projectionWindowMs)",
            "LOG_LEVEL": configuration.logLevel,
            "METRICS_PORT": "\(try metricsPort(of: component))",
        ]
        environment.merge(own) { $1 }
        if configuration.external.paymentGatewayURL == nil, environment["DEFAULT_PAYMENT_TOKEN"] == nil {
            environment["DEFAULT_PAYMENT_TOKEN"] = "pm_card_visa"
        }
        // The mail catcher speaks in clear.
        if configuration.external.smtpURL == nil { environment["SMTP_TLS"] = "none" }
        if component.isWorker { environment["WORKER_INSTANCE_ID"] = "\(component.name)-\(try folder.identity())" }
        if component.program == Component.ingress.program { environment["HTTP_PORT"] = "\(try httpPort(ofCopy: component.copy))" }
        environment.merge(configuration.environment) { $1 }
        environment.merge(configuration.programEnvironment[component.program] ?? [:]) { $1 }
        return environment
    }

    /// Checks that nobody listens on the ports of what is to be started: the stores and the broker unless external, the first ingress, and the workers
    /// with their metrics. Meant to come before anything is started.
    /// - Throws: ``LocalStackError``: `.portTaken`, which names the port, who has it, and what chooses another.
    public nonisolated func requireFreePorts(workers: [String]) async throws {
        let external = configuration.external
        var wanted: [(port: Int, component: Component, choice: String)] = [(endpoints.httpPort, .ingress, "--port takes another")]
        for component in [Component.ingress] + workers.map({ Component.worker($0) }) {
            wanted.append((try metricsPort(of: component), component, "it is for METRICS_PORT; --metrics-port moves the first of these ports"))
        }
        if external.redisURL == nil { wanted.append((endpoints.redis.port, .redis, "REDIS_URL uses a Redis that exists")) }
        if external.databaseURL == nil { wanted.append((endpoints.postgres.port, .postgres, "DATABASE_URL uses a PostgreSQL that exists")) }
        if external.kafkaBootstrapServers == nil {
            wanted.append((endpoints.kafka.port, .broker, "KAFKA_BOOTSTRAP_SERVERS uses a Kafka that exists"))
        }
        if external.paymentGatewayURL == nil {
            wanted.append((endpoints.simulatorPort, .simulator, "PAYMENT_GATEWAY_URL uses a gateway that exists"))
        }
        if external.smtpURL == nil { wanted.append((endpoints.smtpPort, .mailCatcher, "SMTP_URL uses a mail server that exists")) }
        for (port, component, choice) in wanted {
            do {
                try await Ports.requireFree(port, for: component)
            } catch let error as LocalStackError where error.code == .portTaken {
                throw LocalStackError(.portTaken, operation: error.operation, message: "\(error.message); \(choice)", underlying: error)
            }
        }
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
