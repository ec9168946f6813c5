import Synchronization

/// Gathers what many callers want at the same time into batches: while some are under way, what comes waits for the next.
///
/// A batch that fails for the sake of one item is done again item by item, so that each caller gets its own answer.
public final class Gatherer<Item: Sendable, Answer: Sendable>: Sendable {
    /// The bounds of a gatherer.
    public struct Limits: Sendable {
        /// How long a batch that is not full waits for company.
        public var window: Duration
        /// Items in one batch.
        public var batch: Int
        /// Batches under way at the same time.
        public var parallel: Int

        public init(window: Duration = .milliseconds(2), batch: Int = 256, parallel: Int = 2) {
            self.window = window
            self.batch = batch
            self.parallel = parallel
        }
    }

    private struct Waiting: Sendable {
        let item: Item
        let continuation: UnsafeContinuation<Result<Answer, any Error>, Never>
    }

    private struct State {
        var waiting: [Waiting] = []
        var running = 0
    }

    private let limits: Limits
    private let perform: @Sendable ([Item]) async throws -> [Answer]
    private let state = Mutex(State())

    /// - Parameter perform: does a batch, all or nothing, and answers in its order.
    public init(limits: Limits = Limits(), perform: @escaping @Sendable ([Item]) async throws -> [Answer]) {
        self.limits = limits
        self.perform = perform
    }

    /// Has one item done, with whatever else is waiting.
    public func callAsFunction(_ item: Item) async throws -> Answer {
        let result = await withUnsafeContinuation { continuation in
            let mustStart = state.withLock { state in
                state.waiting.append(Waiting(item: item, continuation: continuation))
                guard state.running < limits.parallel else { return false }
                state.running += 1
                return true
            }
            // Not the caller's child: it works for others too, and ends when nobody waits.
            if mustStart { Task { await work() } }
        }
        return try result.get()
    }

    private func work() async {
        while true {
            if state.withLock({ $0.waiting.count < limits.batch }) { try? await Task.sleep(for: limits.window) }
            let batch = state.withLock { state -> [Waiting] in
                let batch = Array(state.waiting.prefix(limits.batch))
                state.waiting.removeFirst(batch.count)
                if batch.isEmpty { state.running -= 1 }
                return batch
            }
            if batch.isEmpty { return }
            await run(batch)
        }
    }

    private func run(_ batch: [Waiting]) async {
        do {
            let answers = try await perform(batch.map(\.item))
            guard answers.count == batch.count else {
                throw Failure(.fatal, label: "gatherer", message: "a batch of \(batch.count) has \(answers.count) answers")
            }
            for (waiting, answer) in zip(batch, answers) { waiting.continuation.resume(returning: .success(answer)) }
        } catch {
            // Where a dependency is away nobody is to blame, and asking one by one would only take longer.
            guard batch.count > 1, Failure(error).disposition != .outage else {
                for waiting in batch { waiting.continuation.resume(returning: .failure(error)) }
                return
            }
            for waiting in batch { await run([waiting]) }
        }
    }
}
