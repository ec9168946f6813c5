import Domain
import Glibc
public import Logging
import LuaScripts
import Metrics
public import RedisClient
public import ServiceLifecycle
import Telemetry

/// Sends what stayed in the outbox: one sweeper a shard at a time, by a lease, whichever process holds it.
///
/// A pass sends, in order, only what was there at its last pass, so that it does not compete with the callers that publish their own entries.
/// Once a second it also writes the marks from which a recovery would replay.
public struct OutboxSweeper: Service {
    /// How long a lease lasts when its holder dies.
    static let lease: Duration = .seconds(5)
    /// Time between two passes over a shard.
    static let interval: Duration = .seconds(2)
    /// Entries sent, acknowledged and deleted at a time.
    static let batch = 500

    private let owner: String
    private let publisher: OutboxPublisher
    private let redis: RedisClient
    private let endOffsets: @Sendable () async throws -> [Int32: Int64]
    private let logger: Logger

    /// - Parameters:
    ///   - owner: the name of this process, unique among all that share the Redis.
    ///   - endOffsets: per partition of booking.events, an offset up to which everything came from a script that Redis has run.
    public init(
        owner: String, publisher: OutboxPublisher, redis: RedisClient, endOffsets: @escaping @Sendable () async throws -> [Int32: Int64],
        logger: Logger
    ) {
        self.owner = owner
        self.publisher = publisher
        self.redis = redis
        self.endOffsets = endOffsets
        self.logger = logger
    }

    public func run() async throws {
        let leases = Leases(purpose: "sweep", owner: owner, length: Self.lease, redis: redis)
        await cancelWhenGracefulShutdown {
            var seen: [Shard: String] = [:]
            var marks: [Int32: Int64] = [:]
            var pass = 0
            while !Task.isCancelled {
                do {
                    let held = try await leases.take(Shard.all)
                    try await writeMarks(held, &marks)
                    if pass % 2 == 0 { try await sweep(held, leases, &seen) }
                } catch {
                    logger.debug("a sweep did not end", metadata: ["error": "\(error)"])
                }
                pass += 1
                try? await Task.sleep(for: Self.interval / 2)
            }
        }
        await leases.release()
    }

    private func sweep(_ held: [Shard], _ leases: Leases, _ seen: inout [Shard: String]) async throws {
        // What was the newest entry at the last pass has had two seconds to be published by its own caller.
        let ready = held.compactMap { shard in seen[shard].map { (shard, $0) } }
        seen = [:]
        var oldest: Double = 0
        for (shard, last) in ready {
            oldest = max(oldest, try await send(shard, upTo: last, leases))
        }
        MetricName.outboxOldestAgeSeconds.gauge().set(oldest)
        let replies = try await redis.pipeline(held.map { RedisCommand("XREVRANGE", Keys.outbox($0), "+", "-", "COUNT", "1") })
        for (shard, reply) in zip(held, replies) {
            if let id = reply.elements?.first?.elements?.first?.text { seen[shard] = id }
        }
    }

    /// Sends one shard's entries in order up to `last`; stops at the first that Kafka does not take.
    /// - Returns: the age of what is left, in seconds.
    private func send(_ shard: Shard, upTo last: String, _ leases: Leases) async throws -> Double {
        var sentCount = 0
        defer {
            if sentCount > 0 {
                logger.info("sent messages that had stayed in the outbox", metadata: ["shard": "\(shard)", "count": "\(sentCount)"])
            }
        }
        while !Task.isCancelled {
            let reply = try await redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", last, "COUNT", String(Self.batch)))
            let elements = reply.elements ?? []
            guard let firstID = elements.first?.elements?.first?.text else { return 0 }
            let entries = elements.compactMap { OutboxEntry($0, shard: shard) }
            if entries.count < elements.count {
                logger.error(
                    "an outbox entry cannot be read and stays", metadata: ["shard": "\(shard)", "count": "\(elements.count - entries.count)"])
            }
            let sent = await publisher.publishAll(entries)
            if !sent.isEmpty { try await publisher.delete([shard: sent.map(\.id)]) }
            sentCount += sent.count
            if sent.count < elements.count {
                let since = Int64(firstID.prefix { $0 != "-" }) ?? 0
                return Double(max(0, BookingEngine.wallClockMs() - since)) / 1000
            }
            guard try await leases.take([shard]) == [shard] else { return 0 }
        }
        return 0
    }

    private func writeMarks(_ held: [Shard], _ last: inout [Int32: Int64]) async throws {
        let offsets = try await endOffsets()
        if offsets == last || held.isEmpty { return }
        var writer = JSONWriter()
        writer.raw("{" + offsets.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}")
        let text = String(decoding: writer.bytes, as: UTF8.self)
        // Refused while Redis is not trusted; then it is written again later.
        let calls = held.map { RedisScriptCall(keys: [Keys.trusted($0), Keys.mark($0)], arguments: [.string(text)]) }
        let replies = try await redis.evaluate(LuaScript.writeMark, calls: calls)
        for reply in replies { _ = try reply.get(operation: "write mark") }
        if replies.allSatisfy({ $0.int == 1 }) { last = offsets }
    }
}
