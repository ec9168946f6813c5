import Synchronization
import Threads

/// A thread that runs blocking calls one after the other, so that none of them ever holds up the cooperative pool.
final class BlockingThread: Sendable {
    /// How many calls may wait; each is bounded in time itself.
    static let maxWaiting = 1_000

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isStopping = false
        var thread: OwnedThread?
    }

    private let name: String
    private let state: Mutex<State>
    private let wake: WakeSignal

    /// The thread starts with the first call.
    init(name: String) {
        self.name = name
        state = Mutex(State())
        wake = WakeSignal()
    }

    /// Runs a blocking call on the thread and waits for its result.
    /// - Throws: the call's own error, `.closed` after `stop`, `.queueFull` when too many wait, `.resources` without a thread.
    func run<T: Sendable>(_ operation: String, _ body: @escaping @Sendable () throws(KafkaError) -> T) async throws(KafkaError) -> T {
        let result: Result<T, KafkaError> = await withCheckedContinuation { continuation in
            let refusal = submit(operation) {
                do throws(KafkaError) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            if let refusal { continuation.resume(returning: .failure(refusal)) }
        }
        return try result.get()
    }

    /// Queues a call without waiting; returns the reason when it was refused, and then never runs it.
    func submit(_ operation: String, _ job: @escaping @Sendable () -> Void) -> KafkaError? {
        let refusal: KafkaError? = state.withLock { state in
            guard !state.isStopping else { return KafkaError(.closed, operation: operation, message: "the client was shut down") }
            guard state.jobs.count < Self.maxWaiting else { return KafkaError(.queueFull, operation: operation, message: "too many calls wait") }
            if state.thread == nil {
                do {
                    state.thread = try OwnedThread(name: name) { [self] in loop() }
                } catch {
                    return KafkaError(.resources, operation: operation, message: "\(error)")
                }
            }
            state.jobs.append(job)
            return nil
        }
        if refusal == nil { wake.raise() }
        return refusal
    }

    /// Refuses further calls, waits for those queued, and joins the thread. Calls after the first return at once.
    func stop() async {
        let thread: OwnedThread? = await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                guard !state.isStopping, state.thread != nil else {
                    state.isStopping = true
                    return true
                }
                state.isStopping = true
                state.jobs.append { [self] in
                    continuation.resume(returning: self.state.withLock { $0.thread.take() })
                }
                return false
            }
            if isIdle { continuation.resume(returning: nil) } else { wake.raise() }
        }
        // The thread has nothing left to do, so this does not block.
        thread?.join()
    }

    private func loop() {
        while true {
            let (jobs, isStopping) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isStopping)
            }
            for job in jobs { job() }
            if jobs.isEmpty {
                if isStopping { return }
                wake.wait(.seconds(3600))
            }
        }
    }
}
