public import Domain
public import Logging
public import RedisClient

/// Whether the Redis on the line is the one whose state was checked (ARCHITECTURE, Trust).
///
/// A run_id that changed means a restart, a failover or a loss. Today it is logged and taken up; the replay behind it is in NOT_IMPLEMENTED.md.
public struct Trust: Sendable {
    private let redis: RedisClient
    private let logger: Logger

    public init(redis: RedisClient, logger: Logger) {
        self.redis = redis
        self.logger = logger
    }

    /// Compares the run_id with what each shard trusts; call it after every connect.
    /// - Returns: the shards whose trusted run_id was another.
    @discardableResult
    public func check(runID: String) async throws(RedisError) -> [Shard] {
        let trusted = try await redis.pipeline(Shard.all.map { RedisCommand("GET", Keys.trusted($0)) })
        let changed = zip(Shard.all, trusted).filter { $1.text != nil && $1.text != runID }.map(\.0)
        let unknown = zip(Shard.all, trusted).filter { $1.isNull }.map(\.0)
        if !changed.isEmpty {
            logger.warning(
                "Redis is another process than the one that was checked", metadata: ["redis.run_id": "\(runID)", "shards": "\(changed.count)"])
        }
        let writes = (changed + unknown).map { RedisCommand("SET", Keys.trusted($0), runID) }
        if !writes.isEmpty { _ = try await redis.pipeline(writes) }
        return changed
    }
}
