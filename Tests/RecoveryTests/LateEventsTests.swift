import BookingEngine
import Domain
import Foundation
import Logging
import RedisClient
import Testing

@testable import Recovery

/// An event that was on its way when Redis was lost is absorbed whenever it comes, by whichever process looks for it.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Office.broker != nil)) struct LateEventsTests {
    private func watch(_ office: Office, _ owner: String) -> Task<Void, any Error> {
        let recovery = Recovery(
            owner: owner, redis: office.redis, database: office.database, admin: office.admin,
            bootstrapServers: office.stack.endpoints.kafkaBootstrapServers, logger: Logger(label: "test"))
        let late = LateEvents(recovery: recovery, trust: Trust(isTrusted: true, logger: Logger(label: "test")))
        return Task { try await late.run() }
    }

    private func wait(_ what: String, until isDone: () async throws -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(30)
        while try await !isDone() {
            if ContinuousClock.now > limit {
                Issue.record("in vain: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The sum of what has been looked at.
    private func looked(_ office: Office) async throws -> Int64 {
        let text = try await office.redis.send(RedisCommand("GET", LatePosition.key)).text ?? ""
        return LatePosition(text)?.offsets.values.reduce(0, +) ?? -1
    }

    @Test func anEventThatCameLateTakesItsSeats() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            #expect(try await looked(office) == -1)
            _ = try await office.reserve(5)
            let (late, entries) = try await office.reserveUnpublished(2)
            let before = try await office.picture(late)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            #expect(try await office.picture(late).bookings.isEmpty)
            let watch = watch(office, "one")
            try await office.publish(entries)
            try await wait("the holds are there") { try await office.picture(late).bookings.count == 2 }
            let after = try await office.picture(late)
            #expect(after.bookings.map(\.id) == before.bookings.map(\.id) && after.held == 7 && after.available == 93)
            // What is not late is looked at, and left.
            let next = try await office.reserve(1)
            try await wait("all was looked at") { try await looked(office) == 8 }
            #expect(try await office.picture(next).held == 8)
            watch.cancel()
            _ = try await watch.value
        }
    }

    @Test func anotherGoesOnWhereTheFirstDied() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            // Before anything was told nothing can come late.
            _ = try await office.reserve(1)
            let (early, first) = try await office.reserveUnpublished(1)
            let (late, second) = try await office.reserveUnpublished(1)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            let one = watch(office, "one")
            try await office.publish(first)
            try await wait("the first is there") { try await office.picture(early).bookings.count == 1 }
            one.cancel()
            _ = try await one.value
            // It comes while nobody looks, since the one who held the lease is dead.
            _ = try await Leases(purpose: "late", owner: "dead", length: .seconds(2), redis: office.redis).take([Shard.all[0]])
            try await office.publish(second)
            let other = watch(office, "other")
            try await wait("the second is there") { try await office.picture(late).bookings.count == 1 }
            #expect(try await office.picture(early + late).held == 3)
            other.cancel()
            _ = try await other.value
        }
    }

    @Test func aBookingThatWentOnAndWasForgottenDoesNotBeginAnew() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            let bookings = try await office.reserve(1)
            let created = try await office.events()
            try await office.cancel(bookings)
            try await office.project()
            // Ended so long ago that a recovery leaves it out.
            _ = try await office.database.query("UPDATE bookings SET updated_at = now() - interval '3 hours'")
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            let watch = watch(office, "one")
            let before = try await looked(office)
            try await office.publish(created)
            try await wait("it was looked at") { try await looked(office) == before + 1 }
            let after = try await office.picture(bookings)
            #expect(after.bookings.isEmpty && after.held == 0 && after.available == 100)
            watch.cancel()
            _ = try await watch.value
        }
    }

    @Test func thePositionAfterARecoveryLeavesOutNothing() {
        let old = LatePosition(epoch: 2, offsets: [0: 5, 1: 90])
        #expect(LatePosition.after(old, epoch: 3, ends: [0: 10, 1: 20, 2: 7]) == LatePosition(epoch: 3, offsets: [0: 5, 1: 20, 2: 7]))
        #expect(LatePosition.after(nil, epoch: 1, ends: [0: 10]) == LatePosition(epoch: 1, offsets: [0: 10]))
        #expect(LatePosition(old.text) == old)
    }
}
