public import Domain
import LuaScripts
public import RedisClient

/// Leases on shards, so that of many copies one does a shard's work. They only save work: what is done under them is safe to do twice.
public struct Leases: Sendable {
    private let purpose: String
    private let owner: String
    private let length: Duration
    private let redis: RedisClient

    /// - Parameters:
    ///   - purpose: what the lease is for, part of its key.
    ///   - owner: the name of this process, unique among all that share the Redis.
    ///   - length: how long a lease outlives its holder.
    public init(purpose: String, owner: String, length: Duration, redis: RedisClient) {
        self.purpose = purpose
        self.owner = owner
        self.length = length
        self.redis = redis
    }

    /// Takes or prolongs what can be had.
    /// - Returns: the shards that this process holds now.
    public func take(_ shards: [Shard]) async throws(RedisError) -> [Shard] {
        let calls = shards.map { RedisScriptCall(keys: [Keys.lease(purpose, $0)], arguments: [.string(owner), .int(length.inMilliseconds)]) }
        let replies = try await redis.evaluate(LuaScript.takeLease, calls: calls)
        var taken: [Shard] = []
        for (shard, reply) in zip(shards, replies) where try reply.get(operation: "take lease").int == 1 { taken.append(shard) }
        return taken
    }

    /// Gives back what this process holds, so that another need not wait for the lease to end. Failure only means that wait.
    public func release() async {
        guard let owned = try? await redis.pipeline(Shard.all.map { RedisCommand("GET", Keys.lease(purpose, $0)) }) else { return }
        let mine = zip(Shard.all, owned).filter { $1.text == owner }.map(\.0)
        if mine.isEmpty { return }
        _ = try? await redis.pipeline(mine.map { RedisCommand("DEL", Keys.lease(purpose, $0)) })
    }
}
