import CLinux
import Glibc
import Synchronization

/// Who waits for the replies of one submission.
enum RedisWaiter {
    /// One command, one reply.
    case single(UnsafeContinuation<Result<RedisReply, RedisFailure>, Never>)
    /// The same without a task; called on the I/O thread, or on the caller's when the command is refused.
    case callback(@Sendable (Result<RedisReply, RedisFailure>) -> Void)
    /// A pipeline: all replies together.
    case batch(UnsafeContinuation<Result<[RedisReply], RedisFailure>, Never>, count: Int)

    /// Commands in the submission.
    var count: Int {
        switch self {
        case .single, .callback: 1
        case .batch(_, let count): count
        }
    }

    /// Resumes the caller with an error.
    func fail(_ failure: RedisFailure) {
        switch self {
        case .single(let continuation): continuation.resume(returning: .failure(failure))
        case .callback(let callback): callback(.failure(failure))
        case .batch(let continuation, _): continuation.resume(returning: .failure(failure))
        }
    }
}

/// Commands on their way to the I/O thread: all their bytes in one buffer, and who waits for each.
struct RedisOutgoing {
    /// RESP, one command after the other.
    var bytes: [UInt8] = []
    /// Each submission with the position in ``bytes`` where it ends.
    var submissions: [(waiter: RedisWaiter, end: Int)] = []

    /// Whether nothing is queued.
    var isEmpty: Bool { submissions.isEmpty }

    /// Keeps the storage, unless a burst has made it large.
    mutating func reset() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptBytes)
        submissions.removeAll(keepingCapacity: true)
    }

    /// Bytes of storage that an idle buffer may hold on to.
    static let keptBytes = 1024 * 1024
}

/// Where callers and the I/O thread of one client meet; any thread may call it. Continuations are resumed outside the lock.
final class RedisMailbox: Sendable {
    /// The life of a client.
    enum Phase {
        /// `start()` was not called.
        case idle
        /// The first attempt to connect is under way: commands wait for it.
        case connectingFirst
        case connected
        /// Commands are refused at once, with the reason.
        case disconnected(reason: String)
        /// No new commands; those in flight may finish.
        case stopping
        case stopped
    }

    /// Everything that the lock guards.
    struct State {
        var phase = Phase.idle
        var outgoing = RedisOutgoing()
        /// Commands queued or in flight.
        var pending = 0
        /// Bytes that the I/O thread took and the kernel did not take yet.
        var unwritten = 0
        /// The I/O thread is in poll and must be woken.
        var isSleeping = false
        var serverRunID: String?
        var endWaiters: [UnsafeContinuation<Void, Never>] = []
    }

    /// Held for a copy of one command at most; never while a caller is resumed.
    let state = Mutex(State())
    private let wakeDescriptor: Int32
    private let maxPending: Int
    private let maxPendingBytes: Int

    /// A mailbox without a thread yet.
    init(maxPending: Int, maxPendingBytes: Int) {
        self.maxPending = maxPending
        self.maxPendingBytes = maxPendingBytes
        wakeDescriptor = clinux_eventfd()
    }

    deinit {
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    /// The descriptor that becomes readable when the I/O thread is wanted; -1 when the system had none left.
    var wakeFD: Int32 { wakeDescriptor }

    /// Queues one command, or resumes its caller with the reason why not.
    func submit(_ command: RedisCommand, _ waiter: RedisWaiter) {
        var wake = false
        let refusal = state.withLock { state -> RedisFailure? in
            if let reason = refuse(&state, commands: 1, bytes: command.body.count) { return reason }
            state.outgoing.bytes.append(command)
            enqueue(&state, waiter, &wake)
            return nil
        }
        if let refusal { waiter.fail(refusal) }
        if wake { self.wake() }
    }

    /// Queues a pipeline as a whole, or resumes its caller with the reason why not.
    func submit(_ commands: [RedisCommand], _ continuation: UnsafeContinuation<Result<[RedisReply], RedisFailure>, Never>) {
        var wake = false
        let count = commands.count
        let bytes = commands.reduce(0) { $0 + $1.body.count }
        let refusal = state.withLock { state -> RedisFailure? in
            if let reason = refuse(&state, commands: count, bytes: bytes) { return reason }
            for command in commands { state.outgoing.bytes.append(command) }
            enqueue(&state, .batch(continuation, count: count), &wake)
            return nil
        }
        if let refusal { continuation.resume(returning: .failure(refusal)) }
        if wake { self.wake() }
    }

    private func refuse(_ state: inout State, commands: Int, bytes: Int) -> RedisFailure? {
        switch state.phase {
        case .connected, .connectingFirst: break
        case .idle: return RedisFailure(code: .notConnected, message: "the client was not started")
        case .disconnected(let reason): return RedisFailure(code: .notConnected, message: reason)
        case .stopping, .stopped: return RedisFailure(code: .stopped, message: "the client was shut down")
        }
        guard state.pending + commands <= maxPending else {
            return RedisFailure(code: .overloaded, message: "more than \(maxPending) commands would be pending")
        }
        guard state.outgoing.bytes.count + state.unwritten + bytes <= maxPendingBytes else {
            return RedisFailure(code: .overloaded, message: "more than \(maxPendingBytes) bytes would be pending")
        }
        return nil
    }

    private func enqueue(_ state: inout State, _ waiter: RedisWaiter, _ wake: inout Bool) {
        state.pending += waiter.count
        state.outgoing.submissions.append((waiter, state.outgoing.bytes.count))
        wake = state.isSleeping
        state.isSleeping = false
    }

    /// Wakes the I/O thread from poll.
    func wake() {
        clinux_eventfd_signal(wakeDescriptor)
    }

    /// Asks the I/O thread to finish what is in flight and end. Returns at once.
    func stop() {
        state.withLock { state in
            switch state.phase {
            case .stopping, .stopped: break
            case .idle: state.phase = .stopped
            case .connectingFirst, .connected, .disconnected: state.phase = .stopping
            }
        }
        wake()
    }

    /// Returns once the I/O thread has nothing more to do.
    func ended() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let over = state.withLock { state in
                if case .stopped = state.phase { return true }
                state.endWaiters.append(continuation)
                return false
            }
            if over { continuation.resume() }
        }
    }
}
