import Foundation
import Synchronization

@testable import Fleet
@testable import LocalStack

/// Copies that are only remembered.
final class FakeRunner: FleetRunner {
    struct State {
        var running: Set<String> = []
        var starts: [String] = []
        var drains: [String] = []
        var failures: [String: Int] = [:]
        var most: [String: Int] = [:]
    }

    struct Refused: Error {}

    let state = Mutex(State())

    /// The next starts of a copy, `expiry-2`, fail so many times.
    func fail(_ copy: String, times: Int) { state.withLock { $0.failures[copy] = times } }

    var running: [String] { state.withLock { $0.running.sorted() } }
    var starts: [String] { state.withLock(\.starts) }
    var drains: [String] { state.withLock(\.drains) }

    func start(_ worker: WorkerPlan, copy: Int) async throws {
        let name = "\(worker.name)-\(copy)"
        try await Task.sleep(for: .milliseconds(2))
        try state.withLock { state in
            state.starts.append(name)
            if let left = state.failures[name], left > 0 {
                state.failures[name] = left - 1
                throw Refused()
            }
            precondition(!state.running.contains(name), "\(name) was started twice")
            state.running.insert(name)
        }
    }

    func drain(_ worker: WorkerPlan, copy: Int) async -> DrainOutcome {
        try? await Task.sleep(for: .milliseconds(2))
        state.withLock { state in
            state.drains.append("\(worker.name)-\(copy)")
            state.running.remove("\(worker.name)-\(copy)")
        }
        return .drained
    }

    func isRunning(_ worker: WorkerPlan, copy: Int) async -> Bool { running.contains("\(worker.name)-\(copy)") }

    func processID(of worker: WorkerPlan, copy: Int) async -> Int32? { await isRunning(worker, copy: copy) ? 1 : nil }

    func metricsPort(of worker: WorkerPlan, copy: Int) -> Int? { 9_100 + copy }

    /// A copy ends by itself.
    func crash(_ worker: String, copy: Int, in fleet: FleetSupervisor) async -> Bool {
        _ = state.withLock { $0.running.remove("\(worker)-\(copy)") }
        return await fleet.exited(UnexpectedExit(component: .worker(worker, copy: copy), status: .signal(9), logTail: ""))
    }
}

/// Waits for a condition.
func eventually(_ limit: Duration = .seconds(5), _ holds: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + limit
    while await !holds() {
        guard ContinuousClock.now < end else { return false }
        try? await Task.sleep(for: .milliseconds(3))
    }
    return true
}
