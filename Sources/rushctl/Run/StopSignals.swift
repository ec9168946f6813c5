import Dispatch
import Glibc
import LocalStack

/// SIGINT and SIGTERM as something to await, so that what was started can be stopped in order.
final class StopSignals: Sendable {
    struct Stopped: Error {}

    private let signals: AsyncStream<Int32>
    /// Kept alive, never touched again.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    init() {
        let (signals, continuation) = AsyncStream<Int32>.makeStream()
        self.signals = signals
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }

    /// Runs `body`, cancelled by a signal.
    /// - Throws: ``Stopped`` after a signal, else what `body` throws.
    func unlessStopped<T: Sendable>(_ body: @escaping () async throws -> T) async throws -> T {
        nonisolated(unsafe) let body = body
        return try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in self.signals { throw Stopped() }
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw Stopped()
        }
    }

    /// Waits for a signal, or for a process that dies.
    func wait(orExitOf stack: LocalStack) async throws {
        try await unlessStopped {
            for await exit in stack.exits { throw DeadChild(exit: exit) }
        }
    }

    struct DeadChild: Error, CustomStringConvertible {
        let exit: UnexpectedExit
        var description: String { "\(exit)" }
    }
}
