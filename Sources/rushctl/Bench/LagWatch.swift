import Lag
import Topics

/// How far PostgreSQL is behind when the load ends.
struct LagWatch {
    private let installation: Installation

    init(_ installation: Installation) {
        self.installation = installation
    }

    /// Waits until inventory-sync has taken everything.
    /// - Returns: the seconds that it took from the call; the projection's lag at that moment, 60 at most.
    func untilCaughtUp() async throws -> Double {
        let start = ContinuousClock.now
        let kafka = installation.stack.endpoints.kafkaBootstrapServers
        let target = LagTarget(group: "inventory-sync", topics: [Topic.bookingEvents.name])
        while try await LagSampler.backlog(bootstrapServers: kafka, [target], logger: Connections.logger) != 0 {
            if ContinuousClock.now - start > .seconds(60) { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        return (ContinuousClock.now - start) / .seconds(1)
    }
}
