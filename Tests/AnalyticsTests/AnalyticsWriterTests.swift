import Domain
import Foundation
import KafkaClient
import Migrations
import PostgresClient
import Testing
import Topics

@testable import Analytics

@Suite(.serialized, .timeLimit(.minutes(3)))
struct AnalyticsWriterTests {
    private static let now = Timestamp(rfc3339: "2026-11-21T10:30:00Z") ?? Timestamp(ms: 0)

    /// What should stand, counted by hand: message by message, each id once.
    private func expected(_ messages: [KafkaMessage]) throws -> (days: [FigureKey: Figures], minutes: [FigureKey: Figures], rows: Int) {
        var recount = AnalyticsRecount(first: Month(Timestamp(ms: 0)))
        for message in messages { _ = recount.add(message) }
        #expect(recount.unreadable == 0)
        return (recount.days, recount.minutes, recount.rows.count)
    }

    private func check(_ laboratory: Laboratory, _ messages: [KafkaMessage]) async throws {
        let expected = try expected(messages)
        let rows = try await laboratory.count("events_raw")
        #expect(rows == Int64(expected.rows))
        let (days, minutes) = (try await laboratory.figures(.daily), try await laboratory.figures(.realtime))
        #expect(days == expected.days)
        #expect(minutes == expected.minutes)
    }

    @Test func aSaleIsCountedByEventDayAndCurrency() async throws {
        try await Laboratory.with { laboratory in
            let at = Self.now.ms
            let id = "0190c000-0000-7000-8000-0000000000aa"
            let messages = [
                Story.view("v1", at: at), Story.view("v2", at: at), Story.booking(id, at: at),
                Story.booking(id, version: 2, "confirmed", at: at + 90_000), Story.refund("p", minor: 250, at: at + 90_000),
                Story.booking(id, version: 3, "refunded", at: at + 90_000),
            ]
            let count = try await laboratory.writer(now: Self.now).apply(try messages.map { try AnalyticsEvent($0) }, next: [:])
            #expect(count == 6)
            let rows = try await laboratory.database.query(
                """
                SELECT day::text, currency, views, reservations, tickets_reserved, conversions, tickets_sold, refunds, revenue_minor, refunded_minor
                FROM analytics_daily ORDER BY currency
                """)
            let text = rows.map { row in (0..<10).map { row[$0] ?? "-" }.joined(separator: " ") }
            #expect(text == ["2026-11-21  2 0 0 0 0 0 0 0", "2026-11-21 THB 0 1 2 1 2 1 500 250"])
            let minutes = try await laboratory.count("analytics_realtime")
            #expect(minutes == 3, "the views' minute, the reservation's, and that of what followed")
            let stored = try await laboratory.database.query("SELECT value::text AS value FROM events_raw WHERE type = 'booking.created.v1'")[0]
            let value = try stored.string("value")
            #expect(value == String(decoding: messages[2].value ?? [], as: UTF8.self))
        }
    }

    @Test func ofCopiesInOneBatchTheFirstStands() async throws {
        try await Laboratory.with { laboratory in
            let at = Self.now.ms
            // Enough of them that a sort which forgets the order shows.
            let firsts = try (0..<300).map { try AnalyticsEvent(Story.view("v\($0)", at: at - 5_000)) }
            let seconds = try (0..<300).map { try AnalyticsEvent(Story.view("v\($0)", at: at)) }
            #expect(try await laboratory.writer(now: Self.now).apply(firsts + seconds, next: [:]) == 300)
            let moments = try await laboratory.database.query(
                "SELECT DISTINCT (extract(epoch FROM occurred_at) * 1000)::bigint AS ms FROM events_raw")
            #expect(try moments.map { try $0.int64("ms") } == [at - 5_000])
        }
    }

    @Test func redeliveriesDuplicatesAndAnyOrderChangeNothing() async throws {
        try await Laboratory.with { laboratory in
            let messages = Story(start: Self.now.ms - 600_000).messages(200)
            let events = try messages.map { try AnalyticsEvent($0) }
            let writer = laboratory.writer(now: Self.now)
            var random = SystemRandomNumberGenerator()
            for _ in 0..<3 {
                // Twice within a batch, and again with each round, in another order.
                let shuffled = (events + events.prefix(100)).shuffled(using: &random)
                for begin in stride(from: 0, to: shuffled.count, by: 77) {
                    try await writer.apply(Array(shuffled[begin..<min(begin + 77, shuffled.count)]), next: [:])
                }
            }
            try await check(laboratory, messages)
        }
    }

    @Test func copiesThatWriteTheSameAtTheSameTimeCountOnce() async throws {
        try await Laboratory.with { laboratory in
            let messages = Story(start: Self.now.ms - 600_000).messages(300)
            let events = try messages.map { try AnalyticsEvent($0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    let (shuffled, url) = (events.shuffled(), laboratory.url)
                    group.addTask {
                        // Each copy is a process of its own, with connections of its own.
                        let database = try Laboratory.client(url)
                        let writer = AnalyticsWriter(database: database, now: { Self.now })
                        for begin in stride(from: 0, to: shuffled.count, by: 50) {
                            try await writer.apply(Array(shuffled[begin..<min(begin + 50, shuffled.count)]), next: [:])
                        }
                        await database.shutdown()
                    }
                }
                try await group.waitForAll()
            }
            try await check(laboratory, messages)
        }
    }

    @Test func aConnectionThatIsCutAtAnyMomentLeavesNothingHalfDone() async throws {
        try await Laboratory.with { laboratory in
            let messages = Story(start: Self.now.ms - 600_000).messages(300)
            let events = try messages.map { try AnalyticsEvent($0) }
            let database = try Laboratory.client(laboratory.url + (laboratory.url.contains("?") ? "&" : "?") + "application_name=victim")
            let writer = AnalyticsWriter(database: database, now: { Self.now })
            let killer = Task {
                var cut: Int64 = 0
                while !Task.isCancelled, cut < 15 {
                    cut += try await laboratory.count(
                        "(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                            + "AND state <> 'idle' AND query NOT LIKE '%pg_terminate_backend%') t")
                    try? await Task.sleep(for: .milliseconds(Int.random(in: 10...60)))
                }
                return cut
            }
            var failures = 0
            for begin in stride(from: 0, to: events.count, by: 20) {
                let batch = Array(events[begin..<min(begin + 20, events.count)])
                while true {
                    do throws(PostgresError) {
                        try await writer.apply(batch, next: [:])
                        break
                    } catch {
                        failures += 1
                        #expect(error.disposition != .deadLetter, "\(error)")
                        try? await Task.sleep(for: .milliseconds(10))
                    }
                }
            }
            killer.cancel()
            let cut = try await killer.value
            await database.shutdown()
            #expect(cut > 0 && failures > 0)
            try await check(laboratory, messages)
        }
    }

    @Test func offsetsStandInTheTransactionOfTheRows() async throws {
        try await Laboratory.with { laboratory in
            let writer = laboratory.writer(now: Self.now)
            let partition = KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: 3)
            try await writer.apply([try AnalyticsEvent(Story.view("v", at: Self.now.ms))], next: [partition: 7])
            _ = try await laboratory.database.query("ALTER TABLE events_raw ADD CONSTRAINT test CHECK (type <> 'bad')")
            let bad = try AnalyticsEvent(Story.message(.bookingEvents, id: "b", type: "bad", #"{"tenant_id":"\#(Story.tenant)"}"#))
            let error = await #expect(throws: PostgresError.self) { try await writer.apply([bad], next: [partition: 9]) }
            #expect(error?.disposition == .deadLetter)
            let offsets = try await laboratory.database.withConnection { try writer.offsets.read(on: $0) }
            #expect(offsets == [partition: 7])
            let rows = try await laboratory.count("events_raw")
            #expect(rows == 1)
        }
    }

    @Test func eachMonthHasItsPartitionAndWhatIsOlderThanTwoYearsIsPassedOver() async throws {
        try await Laboratory.with { laboratory in
            let moments = ["2024-10-31T23:59:59Z", "2024-11-01T00:00:00Z", "2025-02-03T00:00:00Z", "2026-11-21T00:00:00Z", "2027-01-01T00:00:00Z"]
            let events = try moments.map { moment in
                try AnalyticsEvent(Story.view(moment, at: Timestamp(rfc3339: moment)?.ms ?? 0))
            }
            let count = try await laboratory.writer(now: Self.now).apply(events, next: [:])
            #expect(count == 4)
            let partitions = try await laboratory.database.query("SELECT tableoid::regclass::text AS name FROM events_raw ORDER BY 1")
            #expect(
                try partitions.map { try $0.string("name") } == [
                    "events_raw_2024_11", "events_raw_2025_02", "events_raw_2026_11", "events_raw_2027_01",
                ])
            let minutes = try await laboratory.count("analytics_realtime")
            #expect(minutes == 1, "only what is of the last hours, or to come")
        }
    }

    @Test func twoWhoMakeTheSamePartitionDoNotCollide() async throws {
        try await Laboratory.with { laboratory in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let event = try AnalyticsEvent(Story.view("v\(number)", at: Self.now.ms))
                        _ = try await laboratory.writer(now: Self.now).apply([event], next: [:])
                    }
                }
                try await group.waitForAll()
            }
            let rows = try await laboratory.count("events_raw_2026_11")
            #expect(rows == 8)
        }
    }

    @Test func aPartitionThatIsGoneIsMadeAgain() async throws {
        try await Laboratory.with { laboratory in
            let writer = laboratory.writer(now: Self.now)
            try await writer.apply([try AnalyticsEvent(Story.view("v1", at: Self.now.ms))], next: [:])
            _ = try await laboratory.database.query("DROP TABLE events_raw_2026_11")
            try await writer.apply([try AnalyticsEvent(Story.view("v2", at: Self.now.ms))], next: [:])
            let rows = try await laboratory.count("events_raw")
            #expect(rows == 1)
        }
    }

    @Test func upkeepMakesPartitionsAheadAndDropsWhatIsTooOld() async throws {
        try await Laboratory.with { laboratory in
            let writer = laboratory.writer(now: Self.now)
            let moments = ["2024-11-05T00:00:00Z", "2024-12-05T00:00:00Z", "2026-11-21T10:00:00Z"]
            try await writer.apply(
                try moments.map { try AnalyticsEvent(Story.view($0, at: Timestamp(rfc3339: $0)?.ms ?? 0)) }, next: [:])
            let upkeep = AnalyticsUpkeep(database: laboratory.database)
            let first = try await upkeep.run(now: Self.now)
            #expect(first == .init())
            let ahead = try await laboratory.count("events_raw_2027_01")
            #expect(ahead == 0, "it is there, and empty")
            let later = Timestamp(rfc3339: "2026-12-01T00:00:00Z") ?? Timestamp(ms: 0)
            let second = try await upkeep.run(now: later)
            #expect(second == .init(droppedPartitions: 1, droppedDays: 1, droppedMinutes: 1))
            let days = try await laboratory.database.query("SELECT day::text AS day FROM analytics_daily ORDER BY day")
            #expect(try days.map { try $0.string("day") } == ["2024-12-05", "2026-11-21"])
            // What was dropped does not come back when its message does.
            try await laboratory.writer(now: later).apply(
                [try AnalyticsEvent(Story.view(moments[0], at: Timestamp(rfc3339: moments[0])?.ms ?? 0))], next: [:])
            let rows = try await laboratory.count("events_raw")
            #expect(rows == 2)
        }
    }

    @Test func theMigrationCanBeTakenBack() async throws {
        try await Laboratory.with { laboratory in
            try await laboratory.writer(now: Self.now).apply([try AnalyticsEvent(Story.view("v", at: Self.now.ms))], next: [:])
            try await laboratory.database.withConnection { connection in
                guard let migration = Migration.all.first(where: { $0.name == "analytics" }) else { return }
                try connection.execute(script: migration.down)
                try connection.execute(script: migration.up)
            }
            let rows = try await laboratory.count("events_raw")
            #expect(rows == 0)
        }
    }
}
