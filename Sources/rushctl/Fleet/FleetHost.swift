import Fleet
import Foundation
import Lag
import LocalStack

/// A fleet over a local stack: the supervisor, its lag and its control port, from start to end.
struct FleetHost {
    let supervisor: FleetSupervisor
    private let stack: LocalStack
    private let sampler: LagSampler

    init(plan: FleetPlan, stack: LocalStack) throws {
        self.stack = stack
        sampler = try LagSampler(
            configuration: plan.lagConfiguration(bootstrapServers: stack.endpoints.kafkaBootstrapServers), logger: Connections.logger)
        let sampler = sampler
        let directory = stack.configuration.directory
        supervisor = FleetSupervisor(
            plan: plan, runner: LocalStackRunner(stack), directory: directory, log: FleetLog(path: "\(directory)/logs/fleet.ndjson"),
            lag: { plan.readings(await sampler.sample()) })
    }

    /// The file of an option, or `ops/fleet.yaml` of the repository.
    static func plan(_ file: String?) throws -> FleetPlan {
        try FleetPlan(path: file ?? "\(ProcessInfo.processInfo.environment["RUSH_HOME"] ?? ".")/ops/fleet.yaml")
    }

    /// Follows the lag, restarts what crashes and takes orders, until it is cancelled.
    /// - Parameter endsWhenDown: whether it returns when an operator takes the fleet down.
    /// - Throws: ``StopSignals/DeadChild`` for a process of the stack that is none of the fleet's.
    func run(endsWhenDown: Bool) async throws {
        let (downs, down) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await supervisor.follow() }
            group.addTask {
                try await FleetControlServer(supervisor: supervisor, directory: stack.configuration.directory, onDown: { down.yield() }).run()
            }
            group.addTask {
                for await exit in stack.exits where await !supervisor.exited(exit) { throw StopSignals.DeadChild(exit: exit) }
            }
            group.addTask {
                for await _ in downs where endsWhenDown { return }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Before the stack is stopped: nothing is started any more.
    func close() async {
        await supervisor.close()
        await sampler.shutdown()
    }
}
