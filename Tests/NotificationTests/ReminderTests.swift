import Domain
import Foundation
import PostgresClient
import Testing

@testable import NotificationWorker

/// Reminders, by the clock.
@Suite(.serialized) struct ReminderTests {
    private static let day: Int64 = 86_400_000

    @Test func eachBookingIsRemindedOnceOfAShowWithinADay() async throws {
        try await BoxOffice.with(startsIn: 23 * 3_600_000) { office in
            let old = Timestamp(ms: office.starts.ms - 5 * Self.day)
            var bookings: [Booking] = []
            for number in 0..<20 {
                bookings.append(office.booking(of: try await office.person("u\(number)@example.com"), .confirmed))
                try await office.project(bookings[number], made: old)
            }
            // Not these: not paid, and booked within the last day.
            try await office.project(office.booking(of: try await office.person("hold@example.com")), made: old)
            try await office.project(office.booking(of: try await office.person("late@example.com"), .confirmed))
            // Three copies look at the same time.
            let clocks = try (0..<3).map { _ in try #require(try office.parts().clock) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for clock in clocks { group.addTask { while try await clock.remind() >= ReminderStore.batch {} } }
                try await group.waitForAll()
            }
            #expect(try await clocks[0].remind() == 0)
            let mails = try office.post.mails()
            #expect(mails.count == 20 && Set(mails.map { $0.headers["to"] }).count == 20)
            #expect(mails.allSatisfy { $0.headers["subject"] == "Soon: Midnight & Rush" && $0.text.contains("/ticket?format=html") })
            #expect(Set(try await office.rows()) == ["reminder sent - 1"])
        }
    }

    @Test func aShowThatIsMovedIsRemindedOfAnewAndACancelledOneNot() async throws {
        try await BoxOffice.with(startsIn: 20 * 3_600_000) { office in
            try await office.project(
                office.booking(of: try await office.person("ann@example.com"), .confirmed), made: Timestamp(ms: office.starts.ms - 9 * Self.day))
            let clock = try #require(try office.parts().clock)
            #expect(try await clock.remind() == 1)
            _ = try await office.database.query(
                "UPDATE shows SET starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'", [])
            #expect(try await clock.remind() == 1)
            #expect(try await clock.remind() == 0)
            _ = try await office.database.query(
                "UPDATE shows SET starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'", [])
            _ = try await office.database.query("UPDATE events SET status = 'cancelled'", [])
            #expect(try await clock.remind() == 0)
            #expect(office.post.files.count == 2)
        }
    }

    @Test func aReminderThatIsToComeLaterIsSentLaterAndNotAfterTheShowBegan() async throws {
        try await BoxOffice.with(startsIn: 20 * 3_600_000) { office in
            let made = Timestamp(ms: office.starts.ms - 9 * Self.day)
            try await office.project(office.booking(of: try await office.person("later-1@example.com"), .confirmed), made: made)
            try await office.project(office.booking(of: try await office.person("later-99@example.com"), .confirmed), made: made)
            let clock = try #require(try office.parts().clock)
            #expect(try await clock.remind() == 2)
            #expect(try await office.rows() == ["reminder sending - 1", "reminder sending - 1"])
            // Whoever has it in hand is left alone for a while.
            #expect(try await clock.remind() == 0)
            _ = try await office.database.query("UPDATE notifications SET updated_at = now() - interval '3 minutes'", [])
            #expect(try await clock.remind() == 2)
            #expect(try await office.rows().sorted() == ["reminder sending - 2", "reminder sent - 2"])
            office.clock.withLock { $0 = office.starts.ms + 1 }
            #expect(try await clock.remind() == 0)
            #expect(try await office.rows().sorted() == ["reminder sent - 2", "reminder skipped too_late 2"])
        }
    }

    @Test func aPersonWhoCannotBeReadEndsAsFailedAndTheOthersAreReminded() async throws {
        try await BoxOffice.with(startsIn: 20 * 3_600_000) { office in
            let made = Timestamp(ms: office.starts.ms - 9 * Self.day)
            var people: [UserID] = []
            for number in 0..<3 {
                people.append(try await office.person("u\(number)@example.com"))
                try await office.project(office.booking(of: people[number], .confirmed), made: made)
            }
            let key = try await office.database.query("SELECT data_key FROM users WHERE id = $1::uuid", [.text(people[1].description)]).one()
                .optionalBytes("data_key")
            let clock = try #require(try office.parts().clock)
            // Nobody at all: the key is wrong, and nothing is given up for it.
            _ = try await office.database.query("UPDATE users SET data_key = '\\x00'", [])
            await #expect(throws: (any Error).self) { _ = try await clock.remind() }
            #expect(try await office.rows().isEmpty)
            _ = try await office.database.query(
                "UPDATE users SET data_key = $1 WHERE id = $2::uuid", [PostgresValue(key), .text(people[1].description)])
            #expect(try await clock.remind() == 3)
            #expect(
                try await office.rows().sorted() == [
                    "reminder failed personal_data_unreadable 1", "reminder failed personal_data_unreadable 1", "reminder sent - 1",
                ])
            #expect(try await clock.remind() == 0)
        }
    }

    @Test func whatIsSlowOrAwayKeepsNoOtherReminderWaiting() async throws {
        let settings = [
            "SMTP_TIMEOUT_SECONDS": "3", "NOTIFICATION_WEBHOOK_SECRET": BoxOffice.webhookSecret, "WEBHOOK_ALLOW_PRIVATE": "true",
        ]
        try await BoxOffice.with(settings, startsIn: 20 * 3_600_000) { office in
            let made = Timestamp(ms: office.starts.ms - 9 * Self.day)
            for number in 0..<6 {
                let ann = try await office.person("slow\(number)@example.com", push: "http://127.0.0.1:1/push")
                try await office.project(office.booking(of: ann, .confirmed), made: made)
            }
            try await office.project(office.booking(of: try await office.person("bob@example.com"), .confirmed), made: made)
            let clock = try #require(try office.parts().clock)
            let started = ContinuousClock.now
            #expect(try await clock.remind() == 7)
            // One after another would be six times the limit.
            #expect(ContinuousClock.now - started < .seconds(12))
            let rows = try await office.rows()
            #expect(rows.count { $0 == "reminder sending - 1" } == 6 && rows.count { $0 == "reminder sent - 1" } == 1, "\(rows)")
            #expect(rows.count { $0 == "reminder.push failed webhook_unreachable 1" } == 6, "\(rows)")
        }
    }

    @Test func noHoursMeanNoReminders() async throws {
        try await BoxOffice.with(["REMINDER_HOURS": "0"]) { office in
            let clock = try office.parts().clock
            #expect(clock == nil)
        }
    }
}
