import Domain
public import KafkaClient
public import Logging
public import RedisClient
public import ServiceLifecycle
import Synchronization

/// What became of an outbox entry within the time that its caller may wait.
public enum Publication: Sendable {
    /// Kafka has it; the entry is being deleted.
    case acknowledged
    /// Not known yet; the entry stays in the outbox and the sweeper sees to it.
    case inOutbox
}

/// Takes outbox entries to Kafka and deletes them from Redis once they are acknowledged.
///
/// A caller waits at most ``Limits/acknowledgement``. When Kafka is known to be away it does not wait at all, save one probe
/// every ``Limits/probe``: a reserve's, before which there is nothing of its booking that it could overtake. One ticking task sees to all deadlines and deletes in batches, off the request's way.
public final class OutboxPublisher: Service, Sendable {
    /// The waits and bounds of a publisher.
    public struct Limits: Sendable {
        /// How long a caller waits for Kafka's acknowledgement; with the tick that ends it, 250 ms at most.
        public var acknowledgement: Duration = .milliseconds(230)
        /// How often an absent Kafka is tried by a caller.
        public var probe: Duration = .milliseconds(500)
        /// Longer than the sweepers need, after Kafka's return, for what stayed in the outbox: for so long it must be connected again before it is taken to
        /// be back by one whom nothing else tells, and for so long what was left to them is not overtaken.
        public var settling: Duration = .seconds(5)
        /// Keys that are remembered because something of theirs was left to the sweepers; with more, that holds for every key.
        public var leftKeys = 100_000
        /// How often deadlines are looked at and acknowledged entries deleted.
        public var tick: Duration = .milliseconds(20)
        /// Acknowledged entries that may wait for their deletion; beyond it they are left to the sweeper.
        public var deletions = 200_000

        public init() {}
    }

    private struct State {
        var waiting: [Waiter] = []
        var acknowledged: [Shard: [String]] = [:]
        var acknowledgedCount = 0
        /// When Kafka was found away, the moment from which one caller may try it again.
        var nextProbe: ContinuousClock.Instant?
        /// Keys of which an entry was left to the sweepers, and when Kafka was back; forgotten when the sweepers have had their time.
        var left: Set<String> = []
        var backSince: ContinuousClock.Instant?
        /// Since when the producer is connected again while Kafka is taken to be away.
        var connectedSince: ContinuousClock.Instant?
    }

    private let producer: KafkaProducer
    private let redis: RedisClient
    private let limits: Limits
    private let logger: Logger
    private let state = Mutex(State())

    public init(producer: KafkaProducer, redis: RedisClient, limits: Limits = Limits(), logger: Logger) {
        self.producer = producer
        self.redis = redis
        self.limits = limits
        self.logger = logger
    }

    /// Whether Kafka answered the last time it was asked, and is connected as far as the producer knows.
    public var isKafkaReachable: Bool { producer.isReachable && !isAway }

    private var isAway: Bool { state.withLock { $0.nextProbe != nil } }

    /// Publishes one entry and waits for the acknowledgement, within the limit.
    public func publish(_ entry: OutboxEntry) async -> Publication {
        await withUnsafeContinuation { continuation in publish(entry) { continuation.resume(returning: $0) } }
    }

    /// The same without a task.
    /// - Parameter then: called once, on any thread. It must not block.
    public func publish(_ entry: OutboxEntry, then: @escaping @Sendable (Publication) -> Void) {
        let now = ContinuousClock.now
        guard state.withLock({ mayTry(entry, now, &$0) }) else { return then(.inOutbox) }
        let waiter = Waiter(deadline: now + limits.acknowledgement, then)
        state.withLock { $0.waiting.append(waiter) }
        if let error = enqueue(entry, waiter) {
            waiter.resolve(.inOutbox)
            markAway(error, leaving: entry)
        }
    }

    /// Whether an entry may be sent now; one that may not is left to the sweepers, and with it what comes of its key before they have had their time:
    /// it must not be overtaken.
    private func mayTry(_ entry: OutboxEntry, _ now: ContinuousClock.Instant, _ state: inout State) -> Bool {
        if let probe = state.nextProbe {
            if now >= probe, entry.type == .bookingCreated {
                state.nextProbe = now + limits.probe
                return true
            }
        } else if entry.type == .bookingCreated || state.left.isEmpty || (!state.left.contains(entry.key) && state.left.count < limits.leftKeys) {
            return true
        }
        leave(entry, &state)
        return false
    }

    private func leave(_ entry: OutboxEntry, _ state: inout State) {
        if state.left.count < limits.leftKeys { state.left.insert(entry.key) }
    }

    /// Publishes entries in their order without waiting, as workers do that have the entry's safety already.
    public func publishWithoutWaiting(_ entries: [OutboxEntry]) {
        let now = ContinuousClock.now
        for entry in entries where state.withLock({ mayTry(entry, now, &$0) }) {
            if let error = enqueue(entry, nil) { markAway(error, leaving: entry) }
        }
    }

    private func enqueue(_ entry: OutboxEntry, _ waiter: Waiter?) -> KafkaError? {
        do throws(KafkaError) {
            try producer.enqueue(entry.record) { result in self.delivered(entry, result, waiter) }
            return nil
        } catch {
            return error
        }
    }

    /// Publishes entries in their order and waits for all: the sweeper's way, which is also how Kafka's return is noticed.
    /// - Returns: the entries that Kafka has.
    func publishAll(_ entries: [OutboxEntry]) async -> [OutboxEntry] {
        var sent: [OutboxEntry] = []
        for wave in Self.waves(entries) {
            let before = sent.count
            for (entry, result) in zip(wave, await producer.send(wave.map(\.record))) {
                switch result {
                case .success: sent.append(entry)
                case .failure(let error): markAway(error)
                }
            }
            if sent.count - before < wave.count { return sent }
        }
        if !entries.isEmpty { markBack() }
        return sent
    }

    /// What may be under way together: a producer keeps the order of one topic's records of a key, but of two topics either may arrive first, and what a
    /// command causes must not be told before what came before the command.
    static func waves(_ entries: [OutboxEntry]) -> [[OutboxEntry]] {
        var waves: [[OutboxEntry]] = []
        var last: [String: (wave: Int, topic: String)] = [:]
        for entry in entries {
            let topic = entry.type.topic.name
            let wave = last[entry.key].map { $0.topic == topic ? $0.wave : $0.wave + 1 } ?? 0
            last[entry.key] = (wave, topic)
            if wave == waves.count { waves.append([]) }
            waves[wave].append(entry)
        }
        return waves
    }

    /// Deletes entries that Kafka has.
    func delete(_ ids: [Shard: [String]]) async throws(RedisError) {
        let commands = ids.map { shard, ids in
            var command = RedisCommand("XDEL", reserving: 64 + ids.count * 24)
            command.append(Keys.outbox(shard))
            for id in ids { command.append(id) }
            return command
        }
        for reply in try await redis.pipeline(commands) { _ = try reply.get(operation: "delete outbox entries") }
    }

    /// Ticks until the group stops; the last tick deletes what is acknowledged by then.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: self.limits.tick)
                await self.tick()
            }
        }
        await tick()
    }

    private func tick() async {
        let now = ContinuousClock.now
        let (late, acknowledged) = state.withLock { state -> ([Waiter], [Shard: [String]]) in
            // Waiters stand in the order of their deadlines, since all wait equally long.
            let late = state.waiting.prefix { $0.deadline <= now }
            state.waiting.removeFirst(late.count)
            if state.waiting.count > 64 { state.waiting.removeAll(where: \.isResolved) }
            if let back = state.backSince, state.nextProbe == nil, now - back >= limits.settling { (state.left, state.backSince) = ([], nil) }
            let acknowledged = state.acknowledged
            state.acknowledged = [:]
            state.acknowledgedCount = 0
            return (Array(late), acknowledged)
        }
        let unanswered = late.count { $0.resolve(.inOutbox) }
        if unanswered > 0 { markAway(nil) }
        if isConnectedAgain(now) {
            markBack()
            state.withLock { $0.left = [] }
        }
        guard !acknowledged.isEmpty else { return }
        do {
            try await delete(acknowledged)
        } catch {
            // The sweeper sends them once more, and consumers know a second copy.
            logger.debug("acknowledged outbox entries were not deleted", metadata: ["error": "\(error.code)"])
        }
    }

    /// Whether the producer has been connected for long enough while Kafka was taken to be away. A process without a sweeper, which waits for nothing
    /// either, notices the return only so; by then the sweepers of others have sent what stayed in the outbox, and nothing overtakes it.
    private func isConnectedAgain(_ now: ContinuousClock.Instant) -> Bool {
        let isConnected = producer.isReachable
        return state.withLock { state in
            guard state.nextProbe != nil, isConnected else {
                state.connectedSince = nil
                return false
            }
            let since = state.connectedSince ?? now
            state.connectedSince = since
            return now - since >= limits.settling
        }
    }

    private func delivered(_ entry: OutboxEntry, _ result: Result<KafkaAck, KafkaError>, _ waiter: Waiter?) {
        switch result {
        case .success:
            let wasAway = state.withLock { state in
                if state.acknowledgedCount < limits.deletions {
                    state.acknowledged[entry.shard, default: []].append(entry.id)
                    state.acknowledgedCount += 1
                }
                return isBack(&state)
            }
            waiter?.resolve(.acknowledged)
            if wasAway { logger.notice("Kafka is back") }
        case .failure(let error):
            waiter?.resolve(.inOutbox)
            markAway(error, leaving: entry)
        }
    }

    private func markAway(_ error: KafkaError?, leaving entry: OutboxEntry? = nil) {
        let isNew = state.withLock { state in
            if let entry { leave(entry, &state) }
            defer { state.nextProbe = ContinuousClock.now + limits.probe }
            return state.nextProbe == nil
        }
        if isNew {
            logger.warning(
                "Kafka does not answer; messages stay in the outbox",
                metadata: ["error": "\(error.map { "\($0.code)" } ?? "no acknowledgement in time")"])
        }
    }

    private func markBack() {
        if state.withLock({ isBack(&$0) }) { logger.notice("Kafka is back") }
    }

    /// - Returns: whether it was away.
    private func isBack(_ state: inout State) -> Bool {
        if state.nextProbe == nil { return false }
        (state.nextProbe, state.backSince) = (nil, .now)
        return true
    }
}

extension OutboxPublisher {
    /// One caller that waits for an acknowledgement; resolved once, by whoever comes first.
    private final class Waiter: Sendable {
        let deadline: ContinuousClock.Instant
        private let then: @Sendable (Publication) -> Void
        private let resolved = Atomic(false)

        init(deadline: ContinuousClock.Instant, _ then: @escaping @Sendable (Publication) -> Void) {
            self.deadline = deadline
            self.then = then
        }

        var isResolved: Bool { resolved.load(ordering: .acquiring) }

        @discardableResult
        func resolve(_ publication: Publication) -> Bool {
            if resolved.exchange(true, ordering: .acquiringAndReleasing) { return false }
            then(publication)
            return true
        }
    }
}
