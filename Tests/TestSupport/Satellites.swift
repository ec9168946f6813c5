import LocalStack

/// Further ingresses on the stores of an installation, one for each set of settings.
actor Satellites {
    private struct Settings: Hashable {
        let holdSeconds: Int
        let environment: [String: String]
    }

    private var running: [Settings: LocalStack] = [:]

    /// Starts an ingress, unless one with these settings runs.
    func start(_ configuration: LocalStackConfiguration) async throws -> HTTPProbe {
        let settings = Settings(holdSeconds: configuration.holdSeconds, environment: configuration.environment)
        if let known = running[settings] { return try known.probe() }
        let stack = try LocalStack(configuration)
        running[settings] = stack
        try await stack.startIngress()
        return try stack.probe()
    }

    func stop() async {
        let all = running.values
        running = [:]
        for stack in all { await stack.stop() }
    }
}
