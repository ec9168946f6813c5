import Domain
import KafkaClient
import Testing
import Topics

@testable import Analytics

struct AnalyticsEventTests {
    private static let at: Int64 = 1_795_000_000_000

    @Test func aBookingTellsWhomWhenAndHowMuch() throws {
        let message = Story.booking("0190c000-0000-7000-8000-0000000000aa", at: Self.at)
        let event = try AnalyticsEvent(message)
        #expect(event.id == "0190c000-0000-7000-8000-0000000000aa/1/booking.created.v1")
        #expect(event.tenant.description == Story.tenant)
        #expect(event.event?.description == Story.events[0])
        #expect(event.at.ms == Self.at)
        #expect((event.quantity, event.amountMinor, event.currency) == (2, 500, "THB"))
        #expect(event.value == message.value)
    }

    @Test func moneyThatCameTooLateIsNotGivenBackOfASale() throws {
        #expect(try AnalyticsEvent(Story.refund("a", minor: 250, at: Self.at)).amountMinor == 250)
        #expect(try AnalyticsEvent(Story.refund("a", minor: 500, at: Self.at, code: "paid_too_late")).amountMinor == 0)
    }

    @Test func anEventWithoutATimeOfItsOwnHasThatOfItsHeader() throws {
        let message = Story.message(.operationEvents, id: "a", type: "operation.finished.v1", #"{"tenant_id":"\#(Story.tenant)"}"#)
        #expect(try AnalyticsEvent(message).at.ms == 1_795_000_000_000)
        let headers = message.headers + [KafkaHeader(name: "ce_time", text: "2026-11-21T10:00:00.250Z")]
        #expect(try AnalyticsEvent(message.with(headers: headers)).at.description == "2026-11-21T10:00:00.250Z")
        #expect(try AnalyticsEvent(message).event == nil)
    }

    @Test(arguments: [
        (#"{"event_id":"x"}"#, "event_id must be a UUID"), (#"{}"#, "tenant_id is missing"), ("[]", "body must be an object"),
        ("{", "body is not JSON"),
        (#"{"tenant_id":"\#(Story.tenant)","at_ms":5}"#, "updated_at_ms must be a moment from 2020 to 2099"),
        (#"{"tenant_id":"\#(Story.tenant)","currency":"thb"}"#, "currency must be three capital letters"),
        (#"{"tenant_id":"\#(Story.tenant)","total_minor":1.5}"#, "total_minor must be a whole number"),
        (#"{"tenant_id":"\#(Story.tenant)","quantity":1000001}"#, "quantity must be from 0 to 1000000"),
        (#"{"tenant_id":"\#(Story.tenant)","refunded_minor":-1}"#, "refunded_minor must be from 0 to 1000000000000"),
    ])
    func whatCannotBeReadIsNamed(json: String, complaint: String) {
        let error = #expect(throws: JSONError.self) { try AnalyticsEvent(Story.message(.bookingEvents, id: "a", type: "t", json)) }
        #expect(error.map(\.description) == complaint || json == "{", "\(error.map(\.description) ?? "")")
    }

    @Test func anIDThatFitsNoIndexIsRefused() {
        for id in ["", String(repeating: "x", count: 513), "a\0"] {
            #expect(throws: JSONError.self) {
                try AnalyticsEvent(Story.message(.bookingEvents, id: id, type: "t", #"{"tenant_id":"\#(Story.tenant)"}"#))
            }
        }
    }

    @Test func eachTypeCountsAsWhatItIs() {
        func counted(_ type: String) -> [Figure: Int64] {
            var figures = Figures()
            figures.count(type, 3, quantity: 5, amountMinor: 700)
            return Dictionary(uniqueKeysWithValues: Figure.allCases.map { ($0, figures[$0]) }).filter { $0.value != 0 }
        }
        #expect(counted("analytics.viewed.v1") == [.views: 3])
        #expect(counted("booking.created.v1") == [.reservations: 3, .ticketsReserved: 5])
        #expect(counted("booking.confirmed.v1") == [.conversions: 3, .ticketsSold: 5, .revenueMinor: 700])
        #expect(counted("booking.cancelled.v1") == [.cancellations: 3])
        #expect(counted("booking.expired.v1") == [.expiries: 3])
        #expect(counted("booking.refunded.v1") == [.refunds: 3])
        #expect(counted("payment.failed.v1") == [.failedPayments: 3])
        #expect(counted("payment.refunded.v1") == [.refundedMinor: 700])
        #expect(counted("queue.joined.v1") == [.queueJoins: 3])
        #expect(counted("queue.admitted.v1") == [.queueAdmissions: 3])
        for type in ["booking.updated.v1", "payment.success.v1", "operation.finished.v1", "something.else.v1"] { #expect(counted(type).isEmpty) }
    }

    @Test func everyTypeThatIsCountedIsDeclared() {
        for type in MessageType.allCases {
            var figures = Figures()
            figures.count(type.rawValue, 1, quantity: 1, amountMinor: 1)
            if !figures.isEmpty { #expect(AnalyticsTopics.all.contains { (try? TopicCatalogue.load())?[$0]?.types.contains(type.rawValue) == true }) }
        }
    }

    @Test func analyticsReadsEveryEventTopicButTheAuditsOwn() throws {
        let events = try TopicCatalogue.load().topics.filter { $0.kind == .events }.map(\.topic)
        #expect(Set(AnalyticsTopics.all) == Set(events).subtracting([.auditEvents]))
    }

    @Test func monthsAreThoseOfUTC() {
        #expect(Month(Timestamp(rfc3339: "2026-11-30T23:59:59.999Z") ?? Timestamp(ms: 0)).firstDay == "2026-11-01")
        let month = Month(Timestamp(rfc3339: "2026-12-01T00:00:00Z") ?? Timestamp(ms: 0))
        #expect(month.firstDay == "2026-12-01")
        #expect(month.advanced(by: 1).firstDay == "2027-01-01")
        #expect(month.advanced(by: -24).firstDay == "2024-12-01")
        #expect(month.begin.description == "2026-12-01T00:00:00.000Z")
        #expect(Month(firstDay: "2026-12-01") == month)
        #expect(Month(firstDay: "2026-13-01") == nil)
    }
}
