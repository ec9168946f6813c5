import Domain
public import Logging
public import RedisClient
public import ServiceLifecycle
import Synchronization

/// Whether the Redis on the line is the one whose state was checked (ARCHITECTURE, Trust); while it is not, the engine refuses every call.
///
/// The hot path reads one word of memory. It changes when a connection meets another run_id, when state is missing that must be there, and by a look
/// at `trusted:{t}` each ``interval``; the key is written by whoever recovers (`Recovery`), never here.
public final class Trust: Service, Sendable {
    /// How often the keys are looked at: also the longest time for which a flushed Redis that nobody asks is taken for a good one. While all is well
    /// one shard's key is, in turn: what loses one loses all.
    public static let interval: Duration = .milliseconds(200)

    private struct State {
        /// The run_id that the newest connection met.
        var runID: String?
        /// Whether it was told since that the state may be gone.
        var doubts = 0
    }

    private let logger: Logger
    private let open = Atomic(false)
    private let turn = Atomic(0)
    private let state = Mutex(State())
    private let redis = Mutex<RedisClient?>(nil)

    /// - Parameter isTrusted: what holds before the first look, for tests.
    public init(isTrusted: Bool = false, logger: Logger) {
        self.logger = logger
        open.store(isTrusted, ordering: .releasing)
    }

    /// Whether decisions may be asked for.
    public var isTrusted: Bool { open.load(ordering: .acquiring) }

    /// Tells of a connection; a client's `onConnect`, which runs before anybody can send a command over it.
    public func connected(_ runID: String) {
        let isOther = state.withLock { state in
            defer { state.runID = runID }
            if state.runID == runID { return false }
            state.doubts += 1
            return true
        }
        if isOther { close("another Redis") }
    }

    /// Tells that state is missing that must be there.
    public func missed() {
        state.withLock { $0.doubts += 1 }
        close("state is missing")
    }

    /// The client whose Redis is looked at; before that nothing is trusted.
    public func watch(_ client: RedisClient) { redis.withLock { $0 = client } }

    /// Looks at the keys.
    /// - Parameter thoroughly: at all of them, also while all is well.
    /// - Returns: whether the shards trust the Redis on the line.
    @discardableResult
    public func look(thoroughly: Bool = true) async -> Bool {
        guard let redis = redis.withLock({ $0 }) else { return isTrusted }
        let (runID, doubts) = state.withLock { ($0.runID, $0.doubts) }
        guard let runID else { return false }
        let shards = isTrusted && !thoroughly ? [Shard.all[turn.add(1, ordering: .relaxed).oldValue % Shard.count]] : Shard.all
        guard let trusted = try? await redis.pipeline(shards.map { RedisCommand("GET", Keys.trusted($0)) }) else { return isTrusted }
        guard trusted.allSatisfy({ $0.text == runID }) else {
            close("Redis was not checked")
            return false
        }
        // What was heard meanwhile is newer than this look.
        let isNew = state.withLock { state in
            guard state.runID == runID, state.doubts == doubts else { return false }
            return !open.exchange(true, ordering: .acquiringAndReleasing)
        }
        if isNew { logger.notice("Redis is trusted", metadata: ["redis.run_id": "\(runID)"]) }
        return isTrusted
    }

    private func close(_ reason: String) {
        if open.exchange(false, ordering: .acquiringAndReleasing) {
            logger.warning("Redis is not trusted until it was recovered", metadata: ["reason": "\(reason)"])
        }
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look(thoroughly: false)
                try? await Task.sleep(for: self.isTrusted ? Self.interval : Self.interval / 4)
            }
        }
    }
}
