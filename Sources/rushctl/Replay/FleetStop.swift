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

    /// Stops all workers of this installation's fleet, those too that crash and would be started again.
    /// - Returns: what brings them back as they were, once they are gone.
    static func stopAll() async throws -> @Sendable () async throws -> Void {
        let control = try FleetOptions.parse([]).control()
        let workers = try await control.status().workers
        Output.progress("draining \(workers.map(\.worker).joined(separator: ", "))")
        for worker in workers { try await control.drain(worker.worker) }
        try await control.settled()
        return {
            for worker in workers {
                // As by an operator, or by a run of this before that was killed.
                if !worker.automatic, worker.target == 0 {
                    Output.progress("\(worker.worker) was down before and stays so; rushctl fleet scale \(worker.worker) auto starts it")
                }
                try await control.scale(worker.worker, worker.automatic ? .automatic : .fixed(worker.target))
            }
            Output.progress("the fleet is started again")
        }
    }
}
