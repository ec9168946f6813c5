import Synchronization

/// What the application's tasks and the consumer's thread share, behind one lock; the thread is woken after each change.
final class ConsumerShared: Sendable {
    /// How many commands may wait for the thread, which takes them all each time it wakes.
    static let maxCommands = 1_000

    /// A call of `next` that waits.
    struct Demand {
        let id: Int
        let maxMessages: Int
        let maxBytes: Int
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Result<KafkaBatch, KafkaError>, Never>
    }

    typealias Reply = CheckedContinuation<Result<Void, KafkaError>, Never>

    /// What the application asks of the thread.
    enum Command {
        case commit([KafkaTopicPartition: Int64], Reply)
        case assign([KafkaTopicPartition: KafkaOffset], replacing: Bool, Reply)
        case seek(KafkaTopicPartition, KafkaOffset, Reply)
        case pause([KafkaTopicPartition], Bool, Reply)
        case acknowledgeRevoke

        /// Answers a command that is not carried out.
        func refuse(_ error: KafkaError) {
            switch self {
            case .commit(_, let reply), .assign(_, _, let reply), .seek(_, _, let reply), .pause(_, _, let reply):
                reply.resume(returning: .failure(error))
            case .acknowledgeRevoke: break
            }
        }
    }

    private struct State {
        var nextID = 0
        var demand: Demand?
        var commands: [Command] = []
        var closeLimit: Duration?
        var isClosed = false
        var assignment: Set<KafkaTopicPartition> = []
    }

    let wake = WakeSignal()
    private let state = Mutex(State())
    private let reachable = Atomic<Bool>(true)
    private let changes = Atomic<Int>(0)

    /// Rises with each assignment and revocation.
    var generation: Int { changes.load(ordering: .acquiring) }

    /// Notes an assignment or a revocation.
    func nextGeneration() {
        changes.wrappingAdd(1, ordering: .acquiringAndReleasing)
    }

    /// False after the loss of all brokers until one answers.
    var isReachable: Bool {
        get { reachable.load(ordering: .relaxed) }
        set { reachable.store(newValue, ordering: .relaxed) }
    }

    /// What this consumer owns now.
    var assignment: Set<KafkaTopicPartition> {
        get { state.withLock { $0.assignment } }
        set { state.withLock { $0.assignment = newValue } }
    }

    /// Makes an id for the next demand.
    func demandID() -> Int {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    /// Registers a waiting call; refused while another waits or after closing.
    func demand(_ demand: Demand) {
        let refusal: KafkaError? = state.withLock { state in
            if state.isClosed || state.closeLimit != nil { return KafkaError(.closed, operation: "next", message: "the consumer was closed") }
            if state.demand != nil { return KafkaError(.invalidArgument, operation: "next", message: "another call of next is waiting") }
            state.demand = demand
            return nil
        }
        if let refusal { demand.continuation.resume(returning: .failure(refusal)) } else { wake.raise() }
    }

    /// The waiting call, left in place.
    var waiting: Demand? { state.withLock { $0.demand } }

    /// Answers the waiting call; false when it was cancelled meanwhile, so that what was meant for it must be kept.
    func fulfil(_ id: Int, _ result: Result<KafkaBatch, KafkaError>) -> Bool {
        let demand: Demand? = state.withLock { state in
            guard state.demand?.id == id else { return nil }
            return state.demand.take()
        }
        demand?.continuation.resume(returning: result)
        return demand != nil
    }

    /// Queues a command for the thread.
    func submit(_ command: Command) {
        let refusal: KafkaError? = state.withLock { state in
            if state.isClosed { return KafkaError(.closed, operation: "consumer", message: "the consumer was closed") }
            guard state.commands.count < Self.maxCommands else {
                return KafkaError(.queueFull, operation: "consumer", message: "too many commands wait")
            }
            state.commands.append(command)
            return nil
        }
        if let refusal { command.refuse(refusal) } else { wake.raise() }
    }

    /// Takes the queued commands.
    func takeCommands() -> [Command] {
        state.withLock { state in
            if state.commands.isEmpty { return [] }
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Asks the thread to end; the first limit counts.
    func close(limit: Duration) {
        state.withLock { state in
            if state.closeLimit == nil { state.closeLimit = limit }
        }
        wake.raise()
    }

    /// The limit for closing, once that was asked for.
    var closeLimit: Duration? { state.withLock { $0.closeLimit } }

    /// Refuses everything that waits, and everything from now on.
    func finish(_ error: KafkaError) {
        let (demand, commands) = state.withLock { state in
            state.isClosed = true
            state.assignment = []
            defer { state.commands = [] }
            return (state.demand.take(), state.commands)
        }
        demand?.continuation.resume(returning: .failure(error))
        for command in commands { command.refuse(error) }
    }
}
