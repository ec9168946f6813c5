import Glibc
import Threads

/// Puts load on an HTTP server of this machine from one thread, at about 10 µs of CPU a request.
///
/// Sockets and epoll without a framework: on two shared cores, what the generator burns the server does not have.
public enum LoadGenerator {
    /// Runs the plan to its end.
    /// - Throws: ``LoadError`` when the server cannot be reached at the start; what fails later is counted in the report.
    public static func run(_ plan: LoadPlan) async throws -> LoadReport {
        guard plan.connections > 0, plan.duration > .zero, (1...65_535).contains(plan.port) else {
            throw LoadError(.invalidPlan, operation: "load", message: "connections, duration and port must be positive")
        }
        if case .perSecond(let rate) = plan.pace, !(rate > 0 && rate <= 1_000_000) {
            throw LoadError(.invalidPlan, operation: "load", message: "a rate is between 0 and 1,000,000 requests/s")
        }
        let slot = ThreadSlot()
        do {
            let report = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<LoadReport, any Error>) in
                do {
                    slot.thread = try OwnedThread(name: "load") {
                        do throws(LoadError) {
                            let run = try LoadRun(plan)
                            continuation.resume(returning: try run.run())
                        } catch {
                            continuation.resume(throwing: error)
                        }
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
            slot.thread?.join()
            return report
        } catch {
            slot.thread?.join()
            throw error
        }
    }

    /// Carries the thread out of the closure that makes it, within one task.
    private final class ThreadSlot {
        var thread: OwnedThread?
    }
}
