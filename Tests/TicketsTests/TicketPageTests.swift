import Domain
import Testing
import Tickets

@Suite struct TicketPageTests {
    private let signer: TicketSigner

    init() throws {
        signer = try TicketSigner(secrets: [TicketSignerTests.secret("a")])
    }

    private func booking(seats: [SeatID] = [], quantity: Int64 = 2, used: [TicketUse] = []) -> Booking {
        var booking = Booking(
            id: .make(nowMs: 1_800_000_000_000, shard: Shard(truncating: 7)), tenant: TicketSignerTests.id(), event: TicketSignerTests.id(),
            show: TicketSignerTests.id(), zone: TicketSignerTests.id(), user: TicketSignerTests.id(), quantity: quantity, seats: seats,
            unitPriceMinor: 100, totalMinor: 100 * quantity, currency: "THB", status: .confirmed, version: 3, createdAt: Timestamp(ms: 0),
            expiresAt: Timestamp(ms: 0), updatedAt: Timestamp(ms: 0), idempotencyKey: "k", bodyHash: "00")
        booking.used = used
        return booking
    }

    private func details(_ seats: [SeatID: TicketDetails.Seat] = [:], title: String = "Midnight Rush", timeZone: String = "Asia/Bangkok")
        -> TicketDetails
    {
        // 2027-01-01T19:30:00 in Bangkok.
        TicketDetails(
            title: title, venue: "Riverside Hall", city: "Bangkok", timeZone: timeZone, startsAt: Timestamp(ms: 1_798_806_600_000),
            endsAt: Timestamp(ms: 1_798_817_400_000), zone: "Balcony", seats: seats)
    }

    @Test func aPageNamesShowPlaceAndBookingAndHasACodeForEverySeat() throws {
        let seats: [SeatID] = [TicketSignerTests.id(), TicketSignerTests.id()]
        let booking = booking(seats: seats)
        let names: [SeatID: TicketDetails.Seat] = [
            seats[0]: .init(section: "B", row: "4", number: "12"), seats[1]: .init(section: "B", row: "4", number: "13"),
        ]
        let page = TicketPage(booking: booking, details: details(names), signer: signer)
        let html = try page.html()
        for text in [
            "Midnight Rush", "Riverside Hall, Bangkok", "Friday, 1 January 2027 at 19:30 (UTC+7)", "2027-01-01T19:30:00+07:00", "Balcony",
            "<dd>12</dd>", "<dd>13</dd>", "\(booking.id.ticketReference)-1", "\(booking.id.ticketReference)-2", "1 of 2", "2 of 2",
        ] { #expect(html.contains(text), "\(text)") }
        for ticket in booking.tickets { #expect(html.contains(try QRCode.svg(signer.code(of: ticket), label: ticket.reference))) }
        #expect(!html.contains("{{") && !html.contains("Used"))
        // Nothing is loaded from elsewhere, and nothing runs.
        #expect(html.firstMatch(of: /<script|<img|<link| src=| on[a-z]+=/) == nil)
        let only = try page.html(only: 1)
        #expect(!only.contains("<dd>12</dd>") && only.contains("<dd>13</dd>") && only.contains("2 of 2"))
    }

    @Test func aThaiPageHasThaiWordsAndTheBuddhistYear() throws {
        let html = try TicketPage(booking: booking(quantity: 1), details: details(), signer: signer).html(locale: .th)
        for text in ["lang=\"th\"", "บัตรอิเล็กทรอนิกส์", "พ.ศ. 2570", "19:30", "ไม่ระบุที่นั่ง"] { #expect(html.contains(text), "\(text)") }
    }

    @Test func textsOfOrganisersCannotBecomeMarkup() throws {
        let html = try TicketPage(booking: booking(quantity: 1), details: details(title: #"<script>alert("x")</script> & {{qr}}"#), signer: signer)
            .html()
        #expect(!html.contains("<script>") && html.contains("&lt;script&gt;"))
    }

    @Test func aUsedTicketSaysSo() throws {
        let use = TicketUse(place: 1, at: Timestamp(ms: 1_798_806_000_000), mark: "00ff")
        let html = try TicketPage(booking: booking(used: [use]), details: details(), signer: signer).html()
        #expect(html.split(separator: "class=\"used\"").count == 2 && html.contains("Used: Friday, 1 January 2027 at 19:20 (UTC+7)"))
    }

    @Test func theLanguageIsTheFirstThatIsOurs() {
        #expect(TicketLocale(accepting: nil) == .en)
        #expect(TicketLocale(accepting: "de, th-TH;q=0.8, en;q=0.7") == .th)
        #expect(TicketLocale(accepting: "en-GB,th") == .en)
        #expect(TicketLocale(accepting: "xx") == .en)
    }

    @Test func momentsAreTheVenues() {
        let moment = Timestamp(ms: 1_798_806_600_000)
        #expect(ShowTime.text(moment, timeZone: "America/New_York", locale: .en) == "Friday, 1 January 2027 at 07:30 (UTC-5)")
        #expect(ShowTime.text(moment, timeZone: "Asia/Kolkata", locale: .en) == "Friday, 1 January 2027 at 18:00 (UTC+5:30)")
        #expect(ShowTime.text(moment, timeZone: "Nowhere/Atlantis", locale: .en) == "Friday, 1 January 2027 at 12:30 (UTC)")
        #expect(ShowTime.rfc3339(moment, timeZone: "America/St_Johns") == "2027-01-01T09:00:00-03:30")
        #expect(ShowTime.rfc3339(moment, timeZone: "UTC") == "2027-01-01T12:30:00+00:00")
    }

    @Test func aBookingWithoutSeatsHasAsManyTicketsAsPlaces() {
        let booking = booking(quantity: 4)
        #expect(booking.tickets.map(\.place) == [0, 1, 2, 3])
        #expect(booking.tickets.allSatisfy { booking.seat(of: $0) == nil })
        #expect(Set(booking.tickets.map(signer.code)).count == 4)
    }
}
