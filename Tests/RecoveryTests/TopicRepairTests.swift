import BookingEngine
import Domain
import Foundation
import KafkaClient
import Logging
import RedisClient
import Testing
import Topics

@testable import Recovery

/// What booking.events lost is told again from PostgreSQL and Redis, so that both can be made of it again.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Office.broker != nil)) struct TopicRepairTests {
    private func repair(_ office: Office, writes: Bool) async throws -> TopicRepairReport {
        let repair = TopicRepair(
            redis: office.redis, database: office.database, admin: office.admin, bootstrapServers: office.stack.endpoints.kafkaBootstrapServers,
            logger: Logger(label: "test"))
        let send: @Sendable ([KafkaRecord]) async throws -> Void = { [producer = office.producer] records in
            for result in await producer.send(records) { _ = try result.get() }
        }
        return try await repair.run(send: writes ? send : nil)
    }

    private func ids(_ records: [KafkaRecord]) -> Set<String> { Set(records.compactMap { $0.headers.text("ce_id") }) }

    @Test func whatIsMissingIsToldWithItsOwnIdsAndOnce() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            let known = try await office.reserve(3)
            try await office.project()
            let (unknown, entries) = try await office.reserveUnpublished(2)
            _ = try await office.redis.send(RedisCommand("DEL", Keys.outbox(office.shard)))
            let before = try await office.picture(known + unknown)

            let plan = try await repair(office, writes: false)
            #expect(plan.onTopic == 3 && plan.missing == ["booking.created.v1": 2] && plan.unknown == 2 && plan.emitted == 0)
            #expect(try await office.events().count == 3)
            let done = try await repair(office, writes: true)
            #expect(done.emitted == 2)
            let events = try await office.events()
            #expect(ids(events).isSuperset(of: ids(entries.map(\.record))) && events.count == 5)
            #expect(try await repair(office, writes: true).total == 0)

            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            #expect(try await office.picture(known + unknown) == before)
        }
    }

    @Test func aTopicThatWasMadeAnewGivesTheSameTables() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            let bookings = try await office.reserve(20)
            try await office.cancel(Array(bookings.prefix(5)))
            try await office.project()
            let (reported, before) = (try await office.reported(), try await office.picture(bookings))
            try await office.admin.deleteTopic(Topic.bookingEvents.name)
            #expect(try await repair(office, writes: false).total == 20)
            _ = try await TopicApplier(catalogue: try TopicCatalogue.load()).apply(admin: office.admin)

            let done = try await repair(office, writes: true)
            #expect(done.emitted == 20 && done.rewound > 0 && done.missing == ["booking.created.v1": 15, "booking.cancelled.v1": 5])
            // Both stores from the topic alone: first PostgreSQL, from nothing, then Redis.
            _ = try await office.database.query("DELETE FROM bookings")
            _ = try await office.database.query("UPDATE seat_zones SET available = capacity, held = 0, counts_version = 0")
            _ = try await office.database.query("DELETE FROM projection_offsets")
            try await office.project()
            #expect(try await office.reported() == reported)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            #expect(try await office.picture(bookings) == before)
        }
    }

    @Test func aRecoveryReadsANewTopicFromItsBeginning() async throws {
        try await Office.with { office in
            _ = try await office.recover()
            // Enough for every partition to have had more than it will have.
            let old = try await office.reserve(90)
            try await office.cancel(old)
            try await office.project()
            try await office.admin.deleteTopic(Topic.bookingEvents.name)
            _ = try await TopicApplier(catalogue: try TopicCatalogue.load()).apply(admin: office.admin)
            // The rows of the old topic say that 180 events were written.
            let bookings = try await office.reserve(4)
            let before = try await office.picture(bookings)
            _ = try await office.redis.send(RedisCommand("FLUSHALL"))
            _ = try await office.recover()
            #expect(try await office.picture(bookings) == before)
        }
    }
}
