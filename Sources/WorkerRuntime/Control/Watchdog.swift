import Logging
import Synchronization
import Telemetry

/// Watches over calls of the handler: one that takes too long is cancelled, and one that does not return even then ends the process.
final class Watchdog: Sendable {
    /// How long a shutdown that has reached its limit waits for a cancelled call; then it goes on without.
    static let grace = Duration.seconds(1)

    private struct Call {
        let since: ContinuousClock.Instant
        let what: String
        let pause: WorkerControl.PauseID
        let cancel: @Sendable () -> Void
        var isLate = false
    }

    private struct State {
        var calls: [Int: Call] = [:]
        var lastID = 0
    }

    private let limit: Duration
    private let onStuck: @Sendable () -> Void
    private let control: WorkerControl
    private let logger: Logger
    private let state = Mutex(State())

    init(configuration: WorkerConfiguration, control: WorkerControl, logger: Logger) {
        limit = configuration.handlerLimit
        onStuck = configuration.onStuck
        self.control = control
        self.logger = logger
    }

    /// Runs a call under watch. `what` names it for people.
    ///
    /// When the caller's task is cancelled, so is the call; one that does not return within ``grace`` is left behind.
    /// - Throws: what `body` throws, whatever a call that was cancelled for its time throws as a ``Failure`` with the label `stuck`, and
    ///   `CancellationError` when it is left behind.
    func watch<Value: Sendable>(_ what: String, _ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let outcome = Promise<Value>()
        let task = Task {
            do {
                outcome.keep(.success(try await body()))
            } catch {
                outcome.keep(.failure(error))
            }
        }
        let pause = control.pauseID()
        let id = state.withLock { state in
            state.lastID += 1
            state.calls[state.lastID] = Call(since: .now, what: what, pause: pause, cancel: { task.cancel() })
            return state.lastID
        }
        let result = await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            task.cancel()
            Task {
                try? await Task.sleep(for: Self.grace)
                outcome.keep(.failure(CancellationError()))
            }
        }
        let wasLate = state.withLock { $0.calls.removeValue(forKey: id)?.isLate ?? false }
        if wasLate {
            control.resumed(by: pause)
            // Cancellation comes back as many kinds of error; what it means is known here.
            if case .failure = result {
                throw Failure(.retry, label: "stuck", message: "the handler did not return within \(limit) and was cancelled")
            }
        }
        return try result.get()
    }

    /// Cancels everything under way, whose partitions have gone to others. A call that does not return stays under watch.
    func cancelAll() {
        for call in state.withLock({ Array($0.calls.values) }) { call.cancel() }
    }

    /// Looks at what is under way again and again, until cancelled.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: min(.seconds(1), limit / 4))
            look()
        }
    }

    private func look() {
        let now = ContinuousClock.now
        let (late, stuck) = state.withLock { state -> ([Call], Call?) in
            var late: [Call] = []
            for (id, call) in state.calls where !call.isLate && now - call.since > limit {
                state.calls[id]?.isLate = true
                // Shown before the call can end, so that nothing stays shown after it.
                control.paused(Failure(.retry, label: "stuck", message: "the handler does not return: \(call.what)"), by: call.pause)
                late.append(call)
            }
            return (late, state.calls.values.first { now - $0.since > limit * 2 })
        }
        for call in late {
            logger.error("the handler does not return; cancelled", metadata: Logger.Metadata([.error: "\(call.what)"]))
            call.cancel()
        }
        guard let stuck else { return }
        logger.critical("the handler does not return though it was cancelled", metadata: Logger.Metadata([.error: "\(stuck.what)"]))
        onStuck()
    }
}

/// A result that one task waits for; the first word stands.
private final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Result<Value, any Error>, Never>)
        case kept(Result<Value, any Error>)
    }

    private let state = Mutex(State.open)

    func keep(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Result<Value, any Error>, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .kept(result)
                return nil
            case .awaited(let continuation):
                state = .kept(result)
                return continuation
            case .kept: return nil
            }
        }
        continuation?.resume(returning: result)
    }

    func value() async -> Result<Value, any Error> {
        await withCheckedContinuation { continuation in
            let result: Result<Value, any Error>? = state.withLock { state in
                if case .kept(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let result { continuation.resume(returning: result) }
        }
    }
}
