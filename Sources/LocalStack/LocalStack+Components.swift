import Glibc

extension LocalStack {
    /// Starts Redis, PostgreSQL, the broker, the payment simulator and the mail catcher beside each other, or checks that the external ones answer.
    /// - Parameter mail: whether mails are to be caught at all.
    public func startServices(mail: Bool = true) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.startRedis() }
            group.addTask { try await self.startPostgres() }
            group.addTask { try await self.startBroker() }
            group.addTask { try await self.startSimulator() }
            if mail { group.addTask { try await self.startMailCatcher() } }
            try await group.waitForAll()
        }
    }

    /// Starts redis-server, or checks that `REDIS_URL` answers.
    public func startRedis() async throws {
        let (at, folder, maxMemory) = (endpoints.redis, folder, configuration.redisMaxMemory)
        let isReady: @Sendable () async -> Bool = { await ServiceCheck.redis(host: at.host, port: at.port) }
        if configuration.external.redisURL != nil { return try await requireExternal("REDIS_URL", isReady) }
        try await start(
            Plan(
                component: .redis, ports: [at.port],
                launch: { log in try RedisServer.launch(folder: folder, port: at.port, maxMemory: maxMemory, log: log) }, isReady: isReady))
    }

    /// Starts the private PostgreSQL cluster, made on first use, or checks that `DATABASE_URL` answers.
    public func startPostgres() async throws {
        let (at, folder, password) = (endpoints.postgres, folder, endpoints.postgresPassword)
        let isReady: @Sendable () async -> Bool = { await ServiceCheck.postgres(host: at.host, port: at.port) }
        if configuration.external.databaseURL != nil { return try await requireExternal("DATABASE_URL", isReady) }
        try requireProgram("\(PostgresServer.binaries)/postgres", for: .postgres)
        let directory = try await PostgresServer.prepareDirectory(folder: folder)
        let setUpLog = folder.logPath("postgres-setup")
        try await PostgresServer.initialise(directory: directory, password: password, log: setUpLog)
        try await start(
            Plan(
                component: .postgres, ports: [at.port], stopSignal: SIGINT,
                // What a postmaster that was killed leaves behind for a moment: its backends, until they notice.
                retryWhenLogged: "pre-existing shared memory block",
                launch: { log in
                    PostgresServer.removeStalePidFile(directory)
                    var launch = PostgresServer.launch(directory: directory, port: at.port, log: log)
                    launch.precedence = Component.postgres.precedence
                    return launch
                }, isReady: isReady))
        try await PostgresServer.createDatabase(directory: directory, port: at.port, password: password, log: setUpLog)
    }

    /// Starts the embedded broker, or checks that `KAFKA_BOOTSTRAP_SERVERS` answers.
    public func startBroker() async throws {
        let at = endpoints.kafka
        let isReady: @Sendable () async -> Bool = { await ServiceCheck.kafka(host: at.host, port: at.port) }
        if configuration.external.kafkaBootstrapServers != nil { return try await requireExternal("KAFKA_BOOTSTRAP_SERVERS", isReady) }
        let data = folder.data("broker")
        try InstallationFolder.makeDirectory(data)
        let program = "\(configuration.binaries)/embedded-broker"
        let sync = ["--sync", configuration.brokerSync]
        let environment = try environment(for: .broker)
        try await start(
            Plan(
                component: .broker, ports: [at.port],
                launch: { log in
                    ProcessLaunch(
                        program: program, arguments: ["--data", data, "--port", "\(at.port)"] + sync, environment: environment, logPath: log)
                }, isReady: isReady))
    }

    /// Starts the payment simulator, which sends its webhooks to the first ingress; nothing when `PAYMENT_GATEWAY_URL` names a gateway.
    public func startSimulator() async throws {
        if configuration.external.paymentGatewayURL != nil { return }
        let data = folder.data("payment-simulator")
        try InstallationFolder.makeDirectory(data)
        let program = "\(configuration.binaries)/\(Component.simulator.program)"
        let environment = try environment(for: .simulator)
        let port = endpoints.simulatorPort
        let arguments =
            ["--port", "\(port)", "--data", data, "--secret-key", endpoints.paymentGatewayKey, "--webhook-secret", endpoints.paymentWebhookSecret]
            + (configuration.simulatorWebhooks ? ["--webhook-url", "\(endpoints.baseURL)/api/v1/payments/webhook"] : [])
            + configuration.simulatorOptions
        let probe = HTTPProbe(port: port, timeout: .seconds(2))
        try await start(
            Plan(
                component: .simulator, ports: [port],
                launch: { log in ProcessLaunch(program: program, arguments: arguments, environment: environment, logPath: log) },
                isReady: { (try? await probe.get("/health"))?.status == 200 }))
    }

    /// Starts a copy of the ingress; ready is 200 from `GET /ready`.
    public func startIngress(copy: Int = 1) async throws {
        let port = try httpPort(ofCopy: copy)
        try await startProgram(Component(Component.ingress.program, copy: copy), ports: [port], check: (port, "/ready"))
    }

    /// Starts copies 1…`copies` of a worker beside each other; ready is 200 from `GET /health` on the metrics port.
    /// Those that run already are kept.
    public func startWorker(_ name: String, copies: Int = 1) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for copy in 1...max(1, copies) where !isRunning(.worker(name, copy: copy)) {
                let component = Component.worker(name, copy: copy)
                let port = try metricsPort(of: component)
                group.addTask { try await self.startProgram(component, ports: [], check: (port, "/health")) }
            }
            try await group.waitForAll()
        }
    }

    /// Starts one copy of a worker with variables of its own, over those that it has anyway; ready is 200 from `GET /health` on the metrics port.
    /// - Throws: ``LocalStackError``: `.invalid` when it runs already.
    public func startCopy(_ component: Component, environment: [String: String] = [:]) async throws {
        try await startProgram(component, ports: [], check: (try metricsPort(of: component), "/health"), own: environment)
    }

    private func startProgram(_ component: Component, ports: [Int], check: (port: Int, path: String), own: [String: String] = [:]) async throws {
        let program = "\(configuration.binaries)/\(component.program)"
        let environment = try environment(for: component).merging(own) { $1 }
        let metricsPort = try metricsPort(of: component)
        let probe = HTTPProbe(port: check.port, timeout: .seconds(2))
        try await start(
            Plan(
                component: component, ports: ports + [metricsPort],
                launch: { log in
                    ProcessLaunch(program: program, arguments: [], environment: environment, logPath: log, precedence: component.precedence)
                },
                isReady: { [path = check.path] in (try? await probe.get(path))?.status == 200 }))
    }

    private func requireExternal(_ setting: String, _ isReady: @Sendable () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while await !isReady() {
            guard ContinuousClock.now < deadline else {
                throw LocalStackError(.timeout, operation: "use \(setting)", message: "nothing answers there")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
