import Glibc
import Synchronization
import Threads

/// A running child, and the thread that started it and waits for its end.
///
/// The thread lives exactly as long as the child: it must outlive it for the death signal, and it is where `waitid` blocks.
final class ChildProcess: Sendable {
    let pid: pid_t
    private let state: Mutex<State>

    private struct State {
        var exit: ExitStatus?
        var thread: OwnedThread?
    }

    private init(pid: pid_t) {
        self.pid = pid
        state = Mutex(State())
    }

    /// Starts the child; `onExit` runs once, on the child's thread, after it has been reaped.
    static func start(_ launch: ProcessLaunch, name: String, onExit: @escaping @Sendable (ExitStatus) -> Void) async throws -> ChildProcess {
        let slot = ThreadSlot()
        do {
            let child: ChildProcess = try await withCheckedThrowingContinuation { continuation in
                do {
                    let thread = try OwnedThread(name: "child-\(name)") {
                        do throws(LocalStackError) {
                            let child = ChildProcess(pid: try launch.spawn())
                            continuation.resume(returning: child)
                            onExit(child.waitUntilReaped())
                        } catch {
                            continuation.resume(throwing: error)
                        }
                    }
                    // The await below ends only after this closure, so whoever is resumed finds the thread here.
                    slot.put(thread)
                } catch {
                    continuation.resume(throwing: LocalStackError(.system, operation: "start \(name)", message: "\(error)", underlying: error))
                }
            }
            child.state.withLock { $0.thread = slot.take() }
            return child
        } catch {
            slot.take()?.join()
            throw error
        }
    }

    /// How it ended; nil while it runs.
    var exit: ExitStatus? { state.withLock { $0.exit } }

    /// Signals it unless it has ended, so that a process id that was given to somebody else is never hit.
    func send(_ signal: Int32, toGroup: Bool = false) {
        state.withLock { state in
            guard state.exit == nil else { return }
            _ = kill(toGroup ? -pid : pid, signal)
        }
    }

    /// Waits for the end; nil when the limit passes first.
    func waitForExit(limit: Duration) async -> ExitStatus? {
        let deadline = ContinuousClock.now + limit
        while true {
            if let exit { return exit }
            guard ContinuousClock.now < deadline else { return nil }
            do { try await Task.sleep(for: .milliseconds(5)) } catch { return exit }
        }
    }

    /// Joins the thread of a child that has ended.
    func join() {
        let thread = state.withLock { state -> OwnedThread? in
            guard state.exit != nil else { return nil }
            return state.thread.take()
        }
        thread?.join()
    }

    private func waitUntilReaped() -> ExitStatus {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        // Reaped under the lock: `send` holds it too, so between the two the process id cannot belong to another process.
        return state.withLock { state in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7f
            let exit: ExitStatus = signal == 0 ? .code((status >> 8) & 0xff) : .signal(signal)
            state.exit = exit
            return exit
        }
    }

    /// Carries the thread from where it is made to the child that it waits for.
    private final class ThreadSlot: Sendable {
        private let thread = Mutex<OwnedThread?>(nil)
        func put(_ value: OwnedThread) { thread.withLock { $0 = value } }
        func take() -> OwnedThread? { thread.withLock { $0.take() } }
    }
}
