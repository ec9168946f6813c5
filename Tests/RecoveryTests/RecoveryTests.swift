import BookingEngine
import Domain
import Foundation
import KafkaClient
import Logging
import RedisClient
import Synchronization
import Testing
import Topics

@testable import Recovery

/// A Redis that restarts, forgets or is empty is given back what the topic and PostgreSQL know, and is trusted only then.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Office.broker != nil)) struct RecoveryTests {
    @Test func aRedisThatLostNothingIsTrustedWithinASecondFromItsMark() async throws {
        try await Office.with { office in
            #expect(try await office.recover().epoch == 0)
            let bookings = try await office.reserve(20)
            let before = try await office.picture(bookings)
            // What the sweeper writes once a second; the last of the events lie behind it.
            try await office.writeMark()
            let late = try await office.reserve(3)
            try await office.stack.kill(.redis)
            try await office.stack.restart(.redis)
            try await office.reconnected()
            #expect(try await !office.recovery.isTrusted())
            let report = try await office.recover()
            #expect(report.from == "mark" && report.known == 3 && report.restored == 0 && report.epoch == 1)
            #expect(report.seconds < 1)
            #expect(try await office.recovery.isTrusted())
            #expect(try await office.picture(bookings).bookings == before.bookings)
            #expect(try await office.picture(late).bookings.count == 3)
        }
    }

    @Test func aFlushedRedisGetsTheTopicBackWithoutAnyRowOfIt() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            let bookings = try await office.reserve(30)
            try await office.cancel(Array(bookings.prefix(10)))
            let before = try await office.picture(bookings)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            #expect(try await !office.recovery.isTrusted())
            let report = try await office.recover()
            #expect(report.from == "projection" && report.zones == 1 && report.restored == 30 && report.lost == 0)
            #expect(try await office.picture(bookings) == before)
            // What comes from now on is newer than anything that was lost.
            let next = try await office.reserve(1)
            #expect(try await office.picture(next).bookings[0].version > 1_000_000)
            #expect(try await office.recover().wasTrusted)
        }
    }

    @Test func aCancelledEventIsNotOnSaleAgain() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            _ = try await office.reserve(1)
            _ = try await office.database.query("UPDATE events SET status = 'cancelled'")
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            #expect(try await office.recover().zones == 1)
            let keys = try await office.redis.send(RedisCommand("KEYS", "zone:*")).elements ?? []
            let closes = try await office.redis.send(RedisCommand("HGET", try #require(keys.first?.text), "closes")).int
            #expect(try #require(closes) <= BookingEngine.wallClockMs())
        }
    }

    @Test func whatPostgresKnowsComesFirstAndTheRestOfTheTopicAfterIt() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            let bookings = try await office.reserve(30)
            try await office.project()
            try await office.cancel(Array(bookings.prefix(10)))
            let more = try await office.reserve(5)
            let before = try await office.picture(bookings + more)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            let report = try await office.recover()
            #expect(report.events == 15 && report.restored == 35)
            #expect(try await office.picture(bookings + more) == before)
        }
    }

    @Test func whatTheProjectionGaveUpOnComesBackFromItsDeadLetters() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            let bookings = try await office.reserve(3)
            try await office.project()
            let before = try await office.picture(bookings)
            // As if the row could not be written: the projection went on behind it.
            let event = try await office.events().first { $0.key == Array(bookings[1].description.utf8) }
            var letter = try #require(event)
            letter.topic = Topic.inventorySyncDeadLetters.name
            try await office.publish([letter])
            _ = try await office.database.query("DELETE FROM bookings WHERE id = $1::uuid", [.text(bookings[1].description)])
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            #expect(try await office.picture(bookings) == before)
        }
    }

    @Test func countsThatALostTransitionLeftBehindAreToldAnew() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            _ = try await office.reserve(5)
            let (lost, _) = try await office.reserveUnpublished(1)
            let after = try await office.reserve(1)
            try await office.project()
            #expect(try await office.reportedHeld() == 7)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            let told = Mutex<[OutboxEntry]>([])
            let recovery = Recovery(
                owner: "teller", redis: office.redis, database: office.database, admin: office.admin,
                bootstrapServers: office.stack.endpoints.kafkaBootstrapServers, publish: { entries in told.withLock { $0 += entries } },
                logger: Logger(label: "test"))
            _ = try await recovery.run()
            #expect(try await office.picture(lost + after).held == 6)
            try await office.publish(told.withLock { $0 })
            try await office.project()
            #expect(try await office.reportedHeld() == 6)
            // Nothing differs now, so the next recovery tells nothing.
            told.withLock { $0 = [] }
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await recovery.run()
            #expect(told.withLock { $0.isEmpty })
        }
    }

    @Test func oneRecoversAtATime() async throws {
        try await Office.with { office in
            let leases = Leases(purpose: "recovery", owner: "another", length: .seconds(60), redis: office.redis)
            _ = try await leases.take([Shard.all[7]])
            await #expect { _ = try await office.recover() } throws: { ($0 as? RecoveryError)?.code == .busy }
            #expect(try await !office.recovery.isTrusted())
        }
    }
}
