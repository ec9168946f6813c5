import BookingEngine
import Domain
import Logging
import RedisClient
import Testing

/// Nothing is asked of a Redis that was not checked.
@Suite struct TrustTests {
    private func trustAll(_ redis: RedisClient) async throws {
        let runID = try #require(redis.serverRunID)
        _ = try await redis.pipeline(Shard.all.map { RedisCommand("SET", Keys.trusted($0), runID) })
    }

    private func watched(_ redis: RedisClient) async throws -> (Trust, Fixture) {
        _ = try await redis.send(RedisCommand("PING"))
        let trust = Trust(logger: Logger(label: "test"))
        if let runID = redis.serverRunID { trust.connected(runID) }
        var shop = Fixture(redis)
        shop.engine = BookingEngine(redis: redis, trust: trust)
        return (trust, shop)
    }

    private func isRefused(_ body: () async throws -> Void) async throws -> Bool {
        do {
            try await body()
            return false
        } catch let error as EngineError {
            return error.code == .untrusted && error.disposition == .outage
        }
    }

    @Test func anUncheckedRedisIsAskedNothing() async throws {
        try await TestRedis.with { redis in
            let (trust, shop) = try await watched(redis)
            #expect(try await isRefused { _ = try await shop.load() })
            #expect(try await isRefused { _ = try await shop.reserve() })
            #expect(await !trust.look())
            try await trustAll(redis)
            #expect(await trust.look())
            _ = try await shop.load()
            #expect(try await shop.reserve().reservation != nil)
        }
    }

    @Test func aFlushIsNoticedByTheFirstReserveThatMissesItsZone() async throws {
        try await TestRedis.with { redis in
            let (trust, shop) = try await watched(redis)
            try await trustAll(redis)
            #expect(await trust.look())
            _ = try await shop.load()
            let unknown = Fixture(redis)
            #expect(try await shop.reserve().reservation != nil)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            #expect(try await isRefused { _ = try await shop.reserve() })
            #expect(!trust.isTrusted)
            // A tool that looks anyway is told that there is no such zone.
            #expect(try await unknown.reserve() == .zoneUnknown)
        }
    }

    @Test func aMissingHoldIsNoAnswerAfterAFlush() async throws {
        try await TestRedis.with { redis in
            let (trust, shop) = try await watched(redis)
            try await trustAll(redis)
            #expect(await trust.look())
            _ = try await shop.load()
            let booking = try #require(try await shop.reserve().reservation?.booking)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            #expect(try await isRefused { _ = try await shop.release(booking, .cancelled) })
            #expect(!trust.isTrusted)
        }
    }

    @Test func anotherRunIDClosesAtOnce() async throws {
        try await TestRedis.with { redis in
            let (trust, _) = try await watched(redis)
            try await trustAll(redis)
            #expect(await trust.look())
            trust.connected("another")
            #expect(!trust.isTrusted)
            #expect(await !trust.look())
        }
    }
}
