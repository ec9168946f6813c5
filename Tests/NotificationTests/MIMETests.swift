import Domain
import Foundation
import Testing

@testable import NotificationWorker

/// Mails as Python's parser sees them.
struct MIMETests {
    private func read(_ message: MIMEMessage) throws -> Mail {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("mime-\(UUID().uuidString).eml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(message.bytes).write(to: file)
        return try Mail.read(file)
    }

    private func message(subject: String = "s", name: String? = nil, text: String = "t", html: String = "<p>h</p>") -> MIMEMessage {
        MIMEMessage(
            from: ("Booking Rush", "tickets@rush.example"), to: (name, "ann@example.com"), subject: subject, date: Timestamp(ms: 1_795_255_200_000),
            messageID: "1@rush.example", language: "en", text: text, html: html, images: [])
    }

    @Test(arguments: [
        "plain", "สวัสดีครับ งานคอนเสิร์ตครั้งใหญ่แห่งปี ที่ริเวอร์ไซด์ฮอลล์ กรุงเทพมหานคร", "=?utf-8?b?not this?=", "👩‍👩‍👧‍👦 family 👩‍👩‍👧‍👦",
        "a very long subject that goes on and on, far beyond what fits into one line of a mail's head", "naïve – “quoted”",
    ])
    func aSubjectComesBackAsItWas(subject: String) throws {
        let mail = try read(message(subject: subject))
        #expect(mail.headers["subject"] == subject)
        #expect(mail.defects.isEmpty)
    }

    @Test func noHeaderCanBeSlippedIn() throws {
        let mail = try read(message(subject: "x\r\nBcc: eve@example.com", name: "Ann\r\nBcc: eve@example.com"))
        #expect(mail.headers["bcc"] == nil && mail.headers["subject"] == "x  Bcc: eve@example.com")
        #expect(mail.headers.count == 9)
    }

    @Test(arguments: ["Ann Example", "O'Neil, \"Ann\" <x>", "สมชาย ใจดี"])
    func aNameIsTheRecipients(name: String) throws {
        let head = try #require(try read(message(name: name)).headers["to"])
        #expect(head.hasSuffix("<ann@example.com>"))
        #expect(head.replacing("\\", with: "").contains(name), "\(head)")
    }

    @Test(arguments: [
        "short", "a line = with signs\n.\n..dots\n\ttabs \nand a blank at the end ", String(repeating: "long ", count: 400),
        "mostly ASCII – with “marks” é",
        "ข้อความภาษาไทย\nหลายบรรทัด " + String(repeating: "ยาว", count: 200),
    ])
    func aTextComesBackAsItWas(text: String) throws {
        let message = message(text: text, html: "<p>\(text)</p>")
        let mail = try read(message)
        func plain(_ text: String) -> String { text.replacing("\r\n", with: "\n").trimmingCharacters(in: .newlines) }
        #expect(plain(mail.text) == plain(text))
        #expect(plain(mail.html) == plain("<p>\(text)</p>"))
        #expect(mail.defects.isEmpty)
        let lines = String(decoding: message.bytes, as: UTF8.self).components(separatedBy: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 78 && !$0.contains("\n") && !$0.contains("\r") })
        #expect(message.bytes.allSatisfy { $0 < 0x80 })
    }

    @Test func theSameMailHasTheSameBytes() {
        #expect(message().bytes == message().bytes)
    }

    @Test func amountsAreWrittenInTheirCurrency() {
        #expect(Money.text(minor: 300_000, currency: "THB", locale: .en) == "THB 3,000.00")
        #expect(Money.text(minor: 123_456_705, currency: "THB", locale: .th) == "1,234,567.05 บาท")
        #expect(Money.text(minor: 1_500, currency: "JPY", locale: .th) == "JPY 1,500")
        #expect(Money.text(minor: 1_500, currency: "KWD", locale: .en) == "KWD 1.500")
        #expect(Money.text(minor: -5, currency: "EUR", locale: .en) == "EUR -0.05")
        #expect(Money.text(minor: 0, currency: "USD", locale: .en) == "USD 0.00")
    }

    @Test func aSenderIsReadWithAndWithoutAName() {
        #expect(Sender("tickets@rush.example")?.domain == "rush.example")
        #expect(Sender("Booking Rush <tickets@rush.example>")?.name == "Booking Rush")
        #expect(Sender("\"Rush, Booking\" <tickets@rush.example>")?.name == "Rush, Booking")
        #expect(Sender("<tickets@rush.example>")?.name == nil)
        #expect(Sender("nobody") == nil)
        #expect(Sender("A <b>") == nil)
    }
}
