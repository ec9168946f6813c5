import Foundation
import LocalStack
import Synchronization

/// Types the tour into a shell, and watches which step it is at.
struct TourRunner {
    let installation: Installation
    let runbook: Runbook
    /// The repository, where the shell is.
    let home: String
    let limit: Duration

    /// How often the shell is looked at.
    private static let pause = Duration.milliseconds(20)
    /// How much of the shell's last words is told when it fails.
    private static let maxTail = 2_000

    func run() async throws -> Tour.Report {
        let stack = installation.stack
        let folder = stack.configuration.directory
        let (script, progress) = ("\(folder)/tour.sh", "\(folder)/tour.steps")
        try "cd '\(home)'\n\(runbook.script)".write(toFile: script, atomically: true, encoding: .utf8)
        var environment = ProcessInfo.processInfo.environment.merging(stack.operatorEnvironment) { $1 }
        environment["TOUR_STEPS"] = progress
        environment["RUSH_HOME"] = home
        // The runbook's `rushctl` is this very program.
        environment["PATH"] = Installation.binaries + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        let clock = StepClock(titles: runbook.steps.map(\.title))
        let status = try await withThrowingTaskGroup(of: ExitStatus?.self) { [environment] group in
            group.addTask { try await stack.run("/bin/bash", [script], environment: environment, log: "tour", limit: limit) }
            group.addTask {
                while (try? await Task.sleep(for: Self.pause)) != nil { clock.look(at: progress) }
                return nil
            }
            defer { group.cancelAll() }
            while let ending = try await group.next() {
                if let ending { return ending }
            }
            throw CancellationError()
        }
        clock.look(at: progress)
        let ok = status == .code(0)
        let steps = clock.end(ok: ok)
        let log = (try? String(contentsOfFile: "\(folder)/logs/tour.log", encoding: .utf8)) ?? ""
        return Tour.Report(ok: ok, steps: steps, error: ok ? nil : "\(status)\n\(log.suffix(Self.maxTail))")
    }
}

/// The times of the steps, from the numbers that the shell writes as it comes to them.
private final class StepClock: Sendable {
    private struct State {
        var begun = 0
        var since = ContinuousClock.now
        var steps: [Tour.Report.Step] = []
    }

    private let titles: [String]
    private let state = Mutex(State())

    init(titles: [String]) {
        self.titles = titles
    }

    /// Notes the steps that began since the last look.
    func look(at file: String) {
        let numbers = ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n").count
        state.withLock { state in
            while state.begun < min(numbers, titles.count) {
                close(&state, ok: true)
                state.begun += 1
            }
        }
    }

    /// Ends the last step.
    /// - Returns: all of them.
    func end(ok: Bool) -> [Tour.Report.Step] {
        state.withLock { state in
            close(&state, ok: ok)
            return state.steps
        }
    }

    private func close(_ state: inout State, ok: Bool) {
        let now = ContinuousClock.now
        if state.begun > 0 {
            let step = Tour.Report.Step(title: titles[state.begun - 1], ms: Int((now - state.since) / .milliseconds(1)), ok: ok)
            state.steps.append(step)
            print("\(step.title): \(ok ? "\(step.ms) ms" : "failed")")
        }
        state.since = now
    }
}
