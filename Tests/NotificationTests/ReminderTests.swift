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
                for clock in clocks { group.addTask { _ = try await clock.remind() } }
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

    @Test func noHoursMeanNoReminders() async throws {
        try await BoxOffice.with(["REMINDER_HOURS": "0"]) { office in
            let clock = try office.parts().clock
            #expect(clock == nil)
        }
    }
}
