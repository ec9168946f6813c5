import Dispatch
import Glibc
import LocalStack
import Synchronization

/// SIGINT and SIGTERM as something to await, so that what was started can be stopped in order.
final class StopSignals: Sendable {
    struct Stopped: Error {}

    private struct State {
        var isStopped = false
        var waiting: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())
    /// Kept alive, never touched again.
    private nonisolated(unsafe) var sources: [any DispatchSourceSignal] = []

    init() {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.stop() }
            source.resume()
            return source
        }
    }

    /// Runs `body`, cancelled by a signal.
    /// - Throws: ``Stopped`` after a signal, else what `body` throws.
    func unlessStopped<T: Sendable>(_ body: @escaping () async throws -> T) async throws -> T {
        nonisolated(unsafe) let body = body
        // A stream ends with the task that reads it, so each waiter has its own.
        let (stops, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            if state.isStopped { continuation.yield() } else { state.waiting.append(continuation) }
        }
        return try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in stops { throw Stopped() }
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw Stopped()
        }
    }

    struct DeadChild: Error, CustomStringConvertible {
        let exit: UnexpectedExit
        var description: String { "\(exit)" }
    }

    private func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.yield() }
    }
}
