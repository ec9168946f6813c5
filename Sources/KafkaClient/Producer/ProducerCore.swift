internal import CRdkafka
import Logging
import Synchronization
import Threads

/// What the producer's threads share: the current generation, its state, and the loop that drains its events.
///
/// Two threads belong to it: the poll thread, which alone drains events and replaces a generation, and one for blocking calls (metadata, flush).
final class ProducerCore: Sendable {
    /// The longest sleep of the poll thread; events wake it at once.
    static let pollLimit = Duration.milliseconds(250)
    /// How long a generation that is being ended may take to hand back its records.
    static let purgeLimit = Duration.seconds(5)
    /// The longest sleep while an old generation is being ended.
    static let retiredPause = Duration.milliseconds(5)
    /// How long one question whether a broker is there may take, and the least pause between two.
    static let probe = (limit: Duration.milliseconds(250), pause: Duration.milliseconds(50))

    private struct State {
        var instance: ProducerInstance?
        var isClosing = false
        var mustStop = false
        var isProbing = false
        /// Something broke since the last question was put, so its answer may be out of date.
        var isInDoubt = false
    }

    let configuration: KafkaProducerConfiguration
    let logger: Logger
    let reachability: Reachability
    let blocking: BlockingThread
    private let state: Mutex<State>
    private let probePause = WakeSignal()

    init(_ configuration: KafkaProducerConfiguration, logger: Logger) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        reachability = Reachability(onChange: configuration.onReachability)
        blocking = BlockingThread(name: "kafka-block")
        state = Mutex(State(instance: try ProducerInstance(configuration)))
    }

    /// The current generation.
    /// - Throws: `.closed` after shutdown began, `.reset` in the moment between two generations.
    func instance(_ operation: String) throws(KafkaError) -> ProducerInstance {
        let (instance, isClosing) = state.withLock { ($0.instance, $0.isClosing) }
        if isClosing { throw KafkaError(.closed, operation: operation, message: "the producer was shut down") }
        guard let instance else { throw KafkaError(.reset, operation: operation, message: "the producer is being replaced") }
        return instance
    }

    /// Records queued or in flight.
    var queued: Int { state.withLock { $0.instance }?.queued ?? 0 }

    /// Refuses new records from now on; false when somebody else is closing already.
    func beginClosing() -> Bool {
        probePause.raise()
        return state.withLock { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
    }

    /// Blocks until what is queued has gone out, at most for the limit.
    func flush(_ limit: Duration) {
        state.withLock { $0.instance }?.flush(limit)
    }

    /// Tells the poll thread to fail what is left and to end.
    func stopPolling() {
        let instance = state.withLock { state in
            state.mustStop = true
            return state.instance
        }
        if let instance { rd_kafka_queue_yield(instance.events.pointer) }
    }

    /// The poll thread's body.
    func poll() {
        let reports = DeliveryReports()
        var retired: [Retired] = []
        while true {
            var instance: ProducerInstance?
            let mustStop = state.withLock { state in
                instance = state.instance
                if state.mustStop { state.instance = nil }
                return state.mustStop
            }
            if let current = instance, mustStop {
                retired.append(Retired(current))
            } else if let current = instance {
                if serve(current, reports, wait: retired.isEmpty ? Self.pollLimit : Self.retiredPause) {
                    logger.debug("producer is dead and will be replaced", metadata: ["kafka.reason": .string(current.client.fatalReason().text)])
                    retired.append(Retired(current))
                    replace()
                }
            } else if !mustStop {
                replace()
            }
            instance = nil
            retired.removeAll { isFinished($0, reports) }
            if mustStop, retired.isEmpty {
                reachability.shutdown()
                return
            }
        }
    }

    /// Handles the events that are there, after waiting for the first; returns whether the generation is dead.
    private func serve(_ instance: ProducerInstance, _ reports: DeliveryReports, wait: Duration) -> Bool {
        var milliseconds = wait.clampedMilliseconds
        // Bounded so that a stop is seen under load; each event carries up to a whole batch of reports.
        for _ in 0..<1_000 {
            guard let event = instance.events.poll(milliseconds: milliseconds) else { break }
            milliseconds = 0
            switch event.type {
            case RD_KAFKA_EVENT_DR: note(reports.deliver(event))
            case RD_KAFKA_EVENT_ERROR: note(event.response)
            case RD_KAFKA_EVENT_LOG: event.log(to: logger)
            default: break
            }
        }
        // Asked rather than awaited: the state is certain, the form of the event is not.
        return instance.client.isDead
    }

    private func note(_ summary: DeliveryReports.Summary) {
        // A report of success counts more than a time-out in the same batch: it proves a broker.
        if summary.anySucceeded { reachability.set(true) } else if summary.anyTimedOut { becameUnreachable() }
    }

    /// Puts the next generation in the place of the one that is dead.
    private func replace() {
        do throws(KafkaError) {
            let next = try ProducerInstance(configuration)
            state.withLock { $0.instance = next }
        } catch {
            state.withLock { $0.instance = nil }
            logger.debug("producer cannot be replaced yet", metadata: ["kafka.error": "\(error)"])
            // Out of threads or memory: try again at the pace of the poll loop.
            probePause.wait(Self.pollLimit)
        }
    }

    /// A generation that is being ended while the next one works already.
    private final class Retired {
        var instance: ProducerInstance?
        let deadline = ContinuousClock.now + ProducerCore.purgeLimit

        init(_ instance: ProducerInstance) {
            self.instance = instance
        }
    }

    /// Fails what is left in an old generation with `.reset`; true once nothing is left and nobody uses it, so that it is destroyed on this thread.
    private func isFinished(_ old: Retired, _ reports: DeliveryReports) -> Bool {
        if let instance = old.instance {
            // Repeated, as a caller that held the old generation may still have added a record.
            instance.purge()
            _ = serve(instance, reports, wait: .milliseconds(1))
        }
        let queued = old.instance?.queued ?? 0
        if queued == 0, isKnownUniquelyReferenced(&old.instance) { return true }
        guard ContinuousClock.now >= old.deadline else { return false }
        if queued > 0 { logger.debug("producer ended with records unaccounted for", metadata: ["kafka.queued": "\(queued)"]) }
        return true
    }

    private func note(_ response: rd_kafka_resp_err_t) {
        switch response {
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: becameUnreachable()
        // One connection broke; whether that was the last one says a question to any broker. librdkafka counts brokers that it never talked to as
        // up, so the event above may not come.
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE: startProbing()
        default: break
        }
    }

    /// Notes that the brokers are away, and starts asking whether they are back.
    private func becameUnreachable() {
        reachability.set(false)
        startProbing()
    }

    private func startProbing() {
        let start = state.withLock { state in
            state.isInDoubt = true
            guard !state.isProbing, !state.isClosing else { return false }
            state.isProbing = true
            return true
        }
        if start, blocking.submit("probe", { [self] in probe() }) != nil { state.withLock { $0.isProbing = false } }
    }

    /// Asks once for metadata; queues itself again until a broker answers, so that other blocking calls get their turn between.
    private func probe() {
        guard let instance = try? instance("probe") else { return state.withLock { $0.isProbing = false } }
        state.withLock { $0.isInDoubt = false }
        let answers = instance.client.answers(within: Self.probe.limit)
        reachability.set(answers)
        let isOver = state.withLock { state in
            if answers, !state.isInDoubt { state.isProbing = false }
            return !state.isProbing
        }
        if isOver { return }
        probePause.wait(Self.probe.pause)
        if blocking.submit("probe", { [self] in probe() }) != nil { state.withLock { $0.isProbing = false } }
    }
}
