import ArgumentParser
import Fleet

/// Stops the workers of a consumer group that the fleet of this installation runs.
enum FleetStop {
    /// Returns once they have finished what is in hand and are gone, with what brings them back as they were.
    static func stop(_ group: String) async throws -> @Sendable () async throws -> Void {
        let control = try FleetOptions.parse([]).control()
        guard let worker = try await control.status().workers.first(where: { $0.group == group }) else {
            throw ValidationError("The fleet has no worker of the group \(group).")
        }
        Output.progress("draining \(worker.worker)")
        try await control.drain(worker.worker)
        try await control.settled(worker.worker)
        let wish: FleetWish = worker.automatic ? .automatic : .fixed(worker.target)
        return {
            try await control.scale(worker.worker, wish)
            Output.progress("\(worker.worker) is started again")
        }
    }
}
