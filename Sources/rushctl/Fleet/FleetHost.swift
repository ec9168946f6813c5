import Fleet
import Foundation
import Lag
import LocalStack
import Synchronization

/// A fleet over a local stack: the supervisor, its lag, its file and its control port, from start to end.
struct FleetHost {
    let supervisor: FleetSupervisor
    private let stack: LocalStack
    private let lag: FleetLagSource
    private let watch: FleetFileWatch
    private let audit: FleetAudit

    init(file: FleetFile, stack: LocalStack) throws {
        self.stack = stack
        let plan = try file.plan()
        let lag = try FleetLagSource(plan, bootstrapServers: stack.endpoints.kafkaBootstrapServers)
        self.lag = lag
        watch = FleetFileWatch(file)
        let directory = stack.configuration.directory
        let audit = try FleetAudit(bootstrapServers: stack.endpoints.kafkaBootstrapServers)
        self.audit = audit
        supervisor = FleetSupervisor(
            plan: plan, runner: LocalStackRunner(stack), directory: directory,
            log: FleetLog(path: "\(directory)/logs/fleet.ndjson") { audit.tell($0) },
            lag: { await lag.readings() })
    }

    /// The file of an option, or `ops/fleet.yaml` of the repository.
    static func file(_ path: String?, minimum: Int? = nil) -> FleetFile {
        FleetFile(path: path ?? "\(ProcessInfo.processInfo.environment["RUSH_HOME"] ?? ".")/ops/fleet.yaml", minimum: minimum)
    }

    /// Follows the lag and the file, restarts what crashes and takes orders, until it is cancelled.
    /// - Parameter endsWhenDown: whether it returns when an operator takes the fleet down.
    /// - Throws: ``StopSignals/DeadChild`` for a process of the stack that is none of the fleet's.
    func run(endsWhenDown: Bool) async throws {
        let (downs, down) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await supervisor.follow()
                return true
            }
            group.addTask {
                try await FleetControlServer(supervisor: supervisor, directory: stack.configuration.directory, onDown: { down.yield() }).run()
                return true
            }
            group.addTask {
                for await exit in stack.exits where await !supervisor.exited(exit) { throw StopSignals.DeadChild(exit: exit) }
                return true
            }
            group.addTask {
                for await _ in downs where endsWhenDown { return true }
                return true
            }
            group.addTask {
                await watch.run { await take($0) }
                return true
            }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
    }

    /// Goes by the file as it is now; one that cannot be used changes nothing.
    private func take(_ plan: Result<FleetPlan, FleetError>) async {
        do {
            let plan = try plan.get()
            try await lag.adopt(plan)
            await supervisor.adopt(plan)
            Output.progress("the fleet goes by its file as it is now")
        } catch {
            await supervisor.refuse("\(error)")
            Output.progress("the fleet keeps the plan it has: \(error)")
        }
    }

    /// Before the stack is stopped: nothing is started any more.
    func close() async {
        await supervisor.close()
        await lag.shutdown()
        await audit.shutdown()
    }
}

/// The lag of the workers of a plan, which may be another later.
private actor FleetLagSource {
    private let bootstrapServers: String
    private var plan: FleetPlan
    private var sampler: LagSampler

    init(_ plan: FleetPlan, bootstrapServers: String) throws {
        self.plan = plan
        self.bootstrapServers = bootstrapServers
        sampler = try Self.sampler(plan, bootstrapServers)
    }

    func readings() async -> [String: FleetReading] {
        let (plan, sampler) = (plan, sampler)
        return plan.readings(await sampler.sample())
    }

    /// What is known of the past is asked for anew where other topics or times are to be looked at.
    func adopt(_ new: FleetPlan) async throws {
        let isSame = new.lagConfiguration(bootstrapServers: bootstrapServers) == plan.lagConfiguration(bootstrapServers: bootstrapServers)
        if isSame {
            plan = new
            return
        }
        let (old, next) = (sampler, try Self.sampler(new, bootstrapServers))
        (plan, sampler) = (new, next)
        await old.shutdown()
    }

    func shutdown() async { await sampler.shutdown() }

    private static func sampler(_ plan: FleetPlan, _ bootstrapServers: String) throws -> LagSampler {
        try LagSampler(configuration: plan.lagConfiguration(bootstrapServers: bootstrapServers), logger: Connections.logger)
    }
}
