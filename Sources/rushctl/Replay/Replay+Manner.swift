import ArgumentParser
import Replays

extension Manner {
    func run(_ request: ReplayRequest) async throws { try await run([request]) }

    /// Shows what would be done, asks once, and does one after the other.
    func run(_ requests: [ReplayRequest]) async throws {
        let (dryRun, yes, json) = (dryRun, yes, json)
        try await ReplayRun.withDesk { run in
            var plans: [ReplayPlan] = []
            for request in requests {
                plans.append(try await run.desk.plan(request, progress: ProgressLine.shared.show))
                ProgressLine.shared.end()
            }
            if !json {
                for plan in plans { ReplayPrinter.show(plan) }
            } else if dryRun {
                if plans.count == 1 { try Output.json(plans[0]) } else { try Output.json(plans) }
            }
            let obstacles = plans.flatMap(\.obstacles)
            for obstacle in obstacles { Output.progress("cannot be done: \(obstacle)") }
            if !obstacles.isEmpty { throw ExitCode(1) }
            if dryRun { return }
            try Consent.ask("Do it?", yes: yes)
            for request in requests {
                try await run.finish(json: json) { desk, actor, progress in try await desk.run(request, actor: actor, progress: progress) }
            }
        }
    }
}
