import Dispatch
import Synchronization

/// Waits on a thread that may block, such as that of a PostgreSQL connection, for work that may not.
enum Blocking {
    /// - Throws: the work's own error, or `.other` when it takes longer than `limit`.
    static func wait<T: Sendable>(limit: Duration, _ work: @escaping @Sendable () async throws -> T) throws -> T {
        let result = Slot<T>()
        let done = DispatchSemaphore(value: 0)
        let task = Task {
            do { result.fill(.success(try await work())) } catch { result.fill(.failure(error)) }
            done.signal()
        }
        if done.wait(timeout: .now() + .milliseconds(Int(limit / .milliseconds(1)))) == .timedOut {
            task.cancel()
            throw ReplayError(.other, "catch up", "it took longer than \(limit)")
        }
        guard let value = result.value else { throw CancellationError() }
        return try value.get()
    }

    private final class Slot<T: Sendable>: Sendable {
        private let state = Mutex<Result<T, any Error>?>(nil)
        func fill(_ value: Result<T, any Error>) { state.withLock { $0 = value } }
        var value: Result<T, any Error>? { state.withLock { $0 } }
    }
}
