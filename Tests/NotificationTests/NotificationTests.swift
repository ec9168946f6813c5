import Crypto
import Domain
import Foundation
import HTTPTestSupport
import KafkaClient
import PostgresClient
import Testing
import Tickets
import WorkerRuntime

@testable import NotificationWorker

/// What people are told, by a real mail server and a real database.
@Suite(.serialized) struct NotificationTests {
    @Test func aConfirmationBringsTicketsWhoseCodesCanBeRead() async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("ann@example.com", name: "Ann <b>Example</b>")
            let booking = office.booking(of: ann, .confirmed, numbered: true)
            #expect(try await office.handle(office.event(booking, .bookingConfirmed)) == "done")
            let mail = try #require(try office.post.mails().first)
            #expect(mail.defects.isEmpty && mail.structure == ["multipart/alternative", "multipart/related"])
            #expect(mail.headers["to"]?.hasSuffix("<ann@example.com>") == true && mail.headers["from"] == "Booking Rush <tickets@rush.example>")
            #expect(mail.headers["subject"] == "Your tickets for Midnight & Rush")
            // Each image is named by the HTML, and its code is a ticket of this booking.
            #expect(mail.images.count == 2)
            var tickets: [Ticket] = []
            for image in mail.images {
                let id = try #require(image.contentID).trimmingCharacters(in: CharacterSet(charactersIn: "<>"))
                #expect(mail.html.contains("src=\"cid:\(id)\""))
                #expect(image.disposition == "inline")
                let codes = try Command.codes(in: try #require(image.file))
                tickets.append(try office.signer.ticket(of: try #require(codes.first)))
            }
            #expect(tickets == booking.tickets)
            // What people typed is text, not HTML.
            #expect(mail.html.contains("Ann &lt;b&gt;Example&lt;/b&gt;") && mail.text.contains("Ann <b>Example</b>"))
            #expect(mail.html.contains("Riverside &lt;Hall&gt;, Bangkok"))
            for text in [mail.text, mail.html] {
                #expect(text.contains("Row C, Seat 7") && text.contains(booking.tickets[1].reference) && text.contains("THB 3,000.00"))
                #expect(text.contains("(UTC+7)"))
            }
            // And the link opens them without signing in.
            let link = try #require(
                mail.text.split(separator: "\n").compactMap { $0.split(separator: " ").last }.first { $0.hasPrefix("http://rush.example/") })
            let parts = try #require(URLComponents(string: String(link)))
            #expect(parts.path == "/api/v1/bookings/\(booking.id)/ticket")
            func query(_ name: String) -> String { parts.queryItems?.first { $0.name == name }?.value ?? "" }
            try office.signer.check(link: booking.id, expires: query("expires"), signature: query("signature"), now: office.starts)
            #expect(mail.html.contains("signature=\(query("signature"))"))
        }
    }

    @Test(arguments: ["en", "th"])
    func eachOccasionIsToldInTheirLanguage(locale: String) async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("ann@example.com", name: locale == "th" ? "สมชาย" : "Ann", locale: locale)
            let records: [(String, KafkaRecord)] = [
                ("reserved", office.event(office.booking(of: ann))), ("confirmed", office.event(office.booking(of: ann, .confirmed))),
                ("expired", office.event(office.booking(of: ann, .expired))),
                ("event_cancelled", office.event(office.booking(of: ann, .refunded, reason: .eventCancelled))),
                ("receipt", office.payment(of: ann, .success)), ("payment_failed", office.payment(of: ann, .failed)),
                ("refund", office.payment(of: ann, .partiallyRefunded, refunded: 150_000)), ("queue_turn", office.turn(of: ann)),
            ]
            for (_, record) in records { #expect(try await office.handle(record) == "done") }
            let mails = try office.post.mails()
            #expect(mails.count == records.count)
            var subjects: Set<String> = []
            for (mail, occasion) in zip(mails, records.map(\.0)) {
                subjects.insert(mail.headers["subject"] ?? "")
                #expect(mail.headers["content-language"] == locale && mail.headers["auto-submitted"] == "auto-generated")
                #expect(mail.headers["subject"]?.contains("Midnight & Rush") == true, "\(occasion)")
                #expect(mail.html.contains("<html lang=\"\(locale)\">") && mail.html.contains("Midnight &amp; Rush"))
                for text in [mail.text, mail.html, mail.headers["subject"] ?? ""] {
                    #expect(!text.contains("{{") && !text.contains("}}") && !text.contains("Optional("), "\(occasion)")
                }
                let isThai = mail.text.unicodeScalars.contains { (0x0e00...0x0e7f).contains($0.value) }
                #expect(isThai == (locale == "th"), "\(occasion)")
                #expect(mail.text.contains(locale == "th" ? "สวัสดี สมชาย" : "Hello Ann,"), "\(occasion)")
                #expect(mail.text.first?.isNewline == false, "\(occasion)")
                #expect(mail.headers["message-id"]?.hasSuffix("@rush.example>") == true)
            }
            #expect(subjects.count == records.count)
            let refund = mails[6]
            #expect(
                refund.text.contains(locale == "th" ? "1,500.00 บาท" : "THB 1,500.00")
                    && refund.text.contains(locale == "th" ? "ส่วนที่เหลือ" : "The rest"))
            #expect(try await office.rows().count == records.count)
        }
    }

    @Test func whatComesAgainIsToldOnce() async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("ann@example.com")
            let booking = office.booking(of: ann)
            #expect(try await office.handle(office.event(booking)) == "done")
            #expect(try await office.handle(office.event(booking)) == "skip")
            var later = booking
            later.version = 2
            later.status = .confirmed
            #expect(try await office.handle(office.event(later, .bookingConfirmed)) == "done")
            #expect(try await office.handle(office.event(later, .bookingUpdated)) == "skip")
            #expect(try await office.rows() == ["confirmed sent - 1", "reserved sent - 1"])
            #expect(office.post.files.count == 2)
        }
    }

    @Test(arguments: ["written", "handed over"])
    func aMailWhoseFateACrashHidGoesAgainWithItsMessageID(point: String) async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("ann@example.com", name: "Ann")
            let record = office.event(office.booking(of: ann, .confirmed), .bookingConfirmed)
            office.crashesAt.withLock { $0 = point }
            #expect(try await office.handle(record) == "retry other")
            #expect(try await office.rows() == ["confirmed sending - 1"])
            #expect(office.post.files.count == (point == "written" ? 0 : 1))
            office.crashesAt.withLock { $0 = nil }
            #expect(try await office.handle(record) == "done")
            #expect(try await office.rows() == ["confirmed sent - 2"])
            let mails = try office.post.files.map { try Data(contentsOf: $0) }
            #expect(mails.count == (point == "written" ? 1 : 2) && Set(mails).count == 1)
        }
    }

    @Test func aLostAnswerIsTheSameMailAgain() async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("drop-1@example.com")
            let record = office.event(office.booking(of: ann))
            #expect(try await office.handle(record) == "retry send_connection_lost")
            #expect(try await office.handle(record, attempt: 2) == "done")
            let mails = try office.post.mails()
            #expect(mails.count == 2 && Set(mails.map { $0.headers["message-id"] }).count == 1)
            #expect(try await office.rows() == ["reserved sent - 2"])
        }
    }

    @Test(arguments: [
        ("bad@example.com", "reserved failed bad_address 1"), ("spam@example.com", "reserved failed refused 1"),
        ("no address at all", "reserved failed bad_address 1"), (nil, "reserved failed no_address 1"),
    ])
    func whoCannotBeReachedIsAFailedNotificationAndNoDeadLetter(address: String?, row: String) async throws {
        try await BoxOffice.with { office in
            let record = office.event(office.booking(of: try await office.person(address)))
            #expect(try await office.handle(record) == "done")
            #expect(try await office.rows() == [row])
            #expect(try await office.handle(record) == "skip")
        }
    }

    @Test func aPersonWhoIsUnknownOrForgottenIsAFailedNotification() async throws {
        try await BoxOffice.with { office in
            #expect(try await office.handle(office.event(office.booking(of: BoxOffice.id()))) == "done")
            let ann = try await office.person("ann@example.com")
            _ = try await office.database.query("UPDATE users SET data_key = NULL", [])
            #expect(try await office.handle(office.event(office.booking(of: ann))) == "done")
            #expect(try await office.rows() == ["reserved failed no_address 1", "reserved failed no_address 1"])
            #expect(office.post.files.isEmpty)
        }
    }

    @Test func laterIsTriedAgain() async throws {
        try await BoxOffice.with { office in
            let record = office.event(office.booking(of: try await office.person("later-2@example.com")))
            #expect(try await office.handle(record) == "retry send_later")
            #expect(try await office.handle(record, attempt: 2) == "retry send_later")
            #expect(try await office.rows() == ["reserved sending - 2"])
            #expect(try await office.handle(record, attempt: 3) == "done")
            #expect(try await office.rows() == ["reserved sent - 3"])
        }
    }

    @Test func whatWasGivenUpIsSentWhenAPersonRedrivesIt() async throws {
        try await BoxOffice.with { office in
            let record = office.event(office.booking(of: try await office.person("later-1@example.com")))
            #expect(try await office.handle(record) == "retry send_later")
            let message = KafkaMessage(topic: record.topic, partition: 0, offset: 0, key: record.key, value: record.value, headers: record.headers)
            let failure = Failure(.retry, label: "send_later", message: "m")
            try await office.parts().handler.gaveUp([GivenUpMessage(message: message, failure: failure)])
            #expect(try await office.rows() == ["reserved given_up send_later 1"])
            #expect(try await office.handle(record) == "done")
            #expect(try await office.rows() == ["reserved sent - 2"])
        }
    }

    @Test func aServerThatIsDownIsAnOutageAndNobodyIsToBlame() async throws {
        try await BoxOffice.with { office in
            office.post.close()
            let record = office.event(office.booking(of: try await office.person("ann@example.com")))
            #expect(try await office.handle(record) == "outage send_not_connected")
            #expect(try await office.rows() == ["reserved sending - 1"])
        }
    }

    @Test func whatIsOfNoUseAnyMoreIsSkipped() async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("ann@example.com")
            let (hold, turn) = (office.event(office.booking(of: ann)), office.turn(of: ann))
            let (sale, old) = (office.event(office.booking(of: ann, .confirmed), .bookingConfirmed), office.event(office.booking(of: ann, .expired)))
            office.clock.withLock { $0 += 3_600_000 }
            #expect(try await office.handle(hold) == "done")
            #expect(try await office.handle(turn) == "done")
            #expect(try await office.handle(sale) == "done")
            office.clock.withLock { $0 += 72 * 3_600_000 }
            #expect(try await office.handle(old) == "done")
            #expect(
                try await office.rows() == [
                    "confirmed sent - 1", "expired skipped too_late 1", "queue_turn skipped too_late 1", "reserved skipped too_late 1",
                ])
        }
    }

    @Test func whatCannotBeReadIsADeadLetter() async throws {
        try await BoxOffice.with { office in
            var record = office.payment(of: BoxOffice.id(), .success)
            record.value = Array("{".utf8)
            let broken = try await office.handle(record)
            #expect(broken.hasPrefix("dead_letter"))
            record.headers = []
            let unknown = try await office.handle(record)
            #expect(unknown == "dead_letter unknown_type")
        }
    }

    @Test func anAddressSealedWithAnotherKeyIsNobodysFault() async throws {
        try await BoxOffice.with { office in
            let ann = try await office.person("ann@example.com")
            let other = try await BoxOffice(["PII_KEY": "another master key, with 32 bytes and more"], post: office.post)
            _ = try await office.database.query("UPDATE users SET data_key = $1", [.bytes(try other.keys.makeKey(of: ann).sealed)])
            #expect(try await office.handle(office.event(office.booking(of: ann))) == "retry personal_data_unreadable")
            for client in other.mail { await client.shutdown() }
            await other.webhooks.shutdown()
            await other.database.shutdown()
        }
    }

    @Test func manyAtOnceAreAllToldOnce() async throws {
        try await BoxOffice.with { office in
            let parts = try office.parts()
            var records: [KafkaRecord] = []
            for number in 0..<100 { records.append(office.event(office.booking(of: try await office.person("u\(number)@example.com")))) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for record in records + records {
                    group.addTask {
                        let message = KafkaMessage(
                            topic: record.topic, partition: 0, offset: 0, key: record.key, value: record.value, headers: record.headers)
                        // Twins at the same moment are the one case in which a mail may go twice, with one id.
                        _ = try await parts.handler.handle(Delivery(message))
                    }
                }
                try await group.waitForAll()
            }
            #expect(Set(try await office.rows()).allSatisfy { $0.hasPrefix("reserved sent - ") })
            #expect(try await office.rows().count == 100)
            #expect(Set(office.post.files.map { $0.lastPathComponent.dropFirst(6) }).count == 100)
        }
    }
}
