import LocalStack

/// Further ingresses on the stores of an installation, one for each set of settings.
actor Satellites {
    private struct Settings: Hashable {
        let holdSeconds: Int
        let environment: [String: String]
    }

    private var running: [Settings: Task<LocalStack, any Error>] = [:]

    /// Starts an ingress, unless one with these settings runs, and waits until it is ready.
    func start(_ configuration: LocalStackConfiguration) async throws -> HTTPProbe {
        let settings = Settings(holdSeconds: configuration.holdSeconds, environment: configuration.environment)
        if let known = running[settings] { return try await known.value.probe() }
        let starting = Task {
            let stack = try LocalStack(configuration)
            do {
                try await stack.startIngress()
            } catch {
                await stack.stop()
                throw error
            }
            return stack
        }
        running[settings] = starting
        return try await starting.value.probe()
    }

    func stop() async {
        let all = running.values
        running = [:]
        for starting in all { if let stack = try? await starting.value { await stack.stop() } }
    }
}
