import Foundation
import LocalStack
import Synchronization

/// Carries a plan out on a running installation.
final class FaultSpree: Sendable {
    private let stack: LocalStack
    private let plan: FaultPlan
    private let done = Mutex<[FaultReport.Event]>([])

    init(stack: LocalStack, plan: FaultPlan) {
        self.stack = stack
        self.plan = plan
    }

    /// What was done, in order.
    var events: [FaultReport.Event] { done.withLock { $0.sorted { $0.atMs < $1.atMs } } }

    /// Returns when all faults are over and every process runs again.
    func run() async throws {
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in plan.faults {
                group.addTask {
                    for fault in lane {
                        try await Task.sleep(until: start + fault.at)
                        try await self.carryOut(fault, start)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func carryOut(_ fault: FaultPlan.Fault, _ start: ContinuousClock.Instant) async throws {
        let at = ContinuousClock.now - start
        var recovered = Duration.zero
        switch fault.kind {
        case .kill, .restart:
            if fault.kind == .kill { try await stack.kill(fault.target) } else { await stack.stop(fault.target) }
            try await Task.sleep(for: fault.outage)
            let restart = ContinuousClock.now
            try await startAgain(fault.target)
            recovered = ContinuousClock.now - restart
        case .freeze:
            try await stack.signal(fault.target, SIGSTOP)
            try await Task.sleep(for: fault.outage)
            try await stack.signal(fault.target, SIGCONT)
        }
        let event = FaultReport.Event(
            atMs: Int(at / .milliseconds(1)), what: fault.kind.rawValue, target: fault.target.name, outageMs: Int(fault.outage / .milliseconds(1)),
            recoveredMs: Int(recovered / .milliseconds(1)))
        done.withLock { $0.append(event) }
        Output.progress("  \(event.atMs) ms: \(event.what) \(event.target) for \(event.outageMs) ms, ready after \(event.recoveredMs) ms")
    }

    /// A process whose stores are away may die as it starts; its supervisor starts it again.
    private func startAgain(_ component: Component) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await stack.restart(component)
            } catch let error as LocalStackError where error.code == .childDied && ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
