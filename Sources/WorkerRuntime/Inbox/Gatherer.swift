import Synchronization

/// Turns calls that come at the same time into one: what gathers while a call is out goes together in the next.
///
/// At low load each call goes at once; under load batches grow by themselves, without a timer.
public final class Gatherer<Input: Sendable, Output: Sendable>: Sendable {
    /// Does many calls in one step. Returns one result an input, in their order.
    public typealias Perform = @Sendable ([Input]) async throws -> [Output]

    private struct State {
        var waiting: [(input: Input, continuation: CheckedContinuation<Output, any Error>)] = []
        var out = 0
    }

    /// The most inputs of one step.
    private let limit: Int
    /// How many steps may be under way at a time.
    private let lanes: Int
    private let perform: Perform
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: the most inputs of one step.
    ///   - lanes: how many steps may be under way at a time; more make batches smaller.
    public init(limit: Int, lanes: Int = 1, perform: @escaping Perform) {
        self.limit = limit
        self.lanes = lanes
        self.perform = perform
    }

    /// Adds an input to the next step and waits for its result.
    /// - Throws: what the step threw; it then holds for all inputs of that step.
    public func callAsFunction(_ input: Input) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            let mayStart = state.withLock { state in
                state.waiting.append((input, continuation))
                guard state.out < lanes else { return false }
                state.out += 1
                return true
            }
            // A task of its own: the caller's cancellation must not take the others' step with it.
            if mayStart { Task.detached { await self.work() } }
        }
    }

    private func work() async {
        // Those that were woken together come together.
        await Task.yield()
        while true {
            let batch = state.withLock { state in
                let batch = Array(state.waiting.prefix(limit))
                state.waiting.removeFirst(batch.count)
                if batch.isEmpty { state.out -= 1 }
                return batch
            }
            if batch.isEmpty { return }
            do {
                let outputs = try await perform(batch.map(\.input))
                guard outputs.count == batch.count else {
                    throw Failure(.fatal, label: "gatherer", message: "a step gave \(outputs.count) results for \(batch.count) inputs")
                }
                for (entry, output) in zip(batch, outputs) { entry.continuation.resume(returning: output) }
            } catch {
                for entry in batch { entry.continuation.resume(throwing: error) }
            }
        }
    }
}
