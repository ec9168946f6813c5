import Domain
import Testing

struct PaymentTests {
    static func payment(_ status: PaymentStatus = .pending) -> Payment {
        let shard = Shard(truncating: 7)
        let id: PaymentID = .make(nowMs: 1_700_000_000_000, shard: shard)
        return Payment(
            id: id, booking: .make(nowMs: 1_700_000_000_000, shard: shard), event: Identifier(UUIDBits(high: 1, low: 2)),
            user: Identifier(UUIDBits(high: 3, low: 4)), tenant: Identifier(UUIDBits(high: 5, low: 6)), method: .card, amountMinor: 150_000,
            currency: "THB", status: status, createdAt: Timestamp(ms: 1), updatedAt: Timestamp(ms: 2))
    }

    @Test(arguments: PaymentStatus.allCases, PaymentMethod.allCases) func itsEventReadsBackAsItself(status: PaymentStatus, method: PaymentMethod)
        throws
    {
        let plain = Self.payment(status)
        #expect(try Payment(json: plain.json) == plain)
        let full = plain.stepped(to: status, errorCode: "card_declined", errorMessage: "\"No\" – ไม่", refundedMinor: 75_000, at: Timestamp(ms: 3))
        #expect(try Payment(json: full.json) == full)
    }

    @Test func aStepRaisesTheVersionAndForgetsTheLastError() {
        let first = Self.payment().stepped(to: .failed, errorCode: "x", errorMessage: "y", at: Timestamp(ms: 9))
        #expect(first.version == 2)
        #expect(first.updatedAt.ms == 9)
        #expect(first.createdAt.ms == 1)
        let second = first.stepped(to: .refunded, refundedMinor: 5, at: Timestamp(ms: 10)).stepped(to: .refunded, at: Timestamp(ms: 11))
        #expect(second.version == 4)
        #expect(second.errorCode == nil)
        #expect(second.refundedMinor == 5)
    }

    @Test func statusesSayWhetherMoneyMayMoveAndWhoTellsOfThem() {
        #expect(PaymentStatus.allCases.filter(\.isOpen) == [.pending, .processing])
        #expect(PaymentStatus.allCases.filter(\.isFinal) == [.failed, .timeout, .refunded])
        let types = PaymentStatus.allCases.map { Self.payment($0).messageType }
        #expect(types == [nil, .paymentProcessing, .paymentSuccess, .paymentFailed, .paymentFailed, .paymentRefunded, .paymentRefunded])
    }

    @Test func aFaultyEventNamesItsMember() {
        func fault(_ from: String, _ to: String) -> String? {
            let text = String(decoding: Self.payment().json, as: UTF8.self)
            #expect(text.contains(from))
            return #expect(throws: JSONError.self) { try Payment(json: Array(text.replacing(from, with: to).utf8)) }?.field
        }
        #expect(fault("\"card\"", "\"cash\"") == "method")
        #expect(fault("\"pending\"", "\"lost\"") == "status")
        #expect(fault("\"amount_minor\":150000,", "") == "amount_minor")
        #expect(fault("\"amount_minor\":150000", "\"amount_minor\":\"1\"") == "amount_minor")
        // An id that this system never gave out has no shard.
        #expect(fault("\"payment_id\":\"", "\"payment_id\":\"f81d4fae-7dec-41d0-a765-00a0c91e6bf6\",\"x\":\"") == "payment_id")
    }

    @Test func ticketReferencesAreReadableAndFollowFromTheID() throws {
        let booking = try #require(BookingID("01a1fbfe-71c5-743e-8000-000000000000"))
        #expect(booking.ticketReference == "0000-0000-0000")
        let last = try #require(BookingID("01a1fbfe-71c5-743e-bfff-ffffffffffff"))
        #expect(last.ticketReference == "ZZZZ-ZZZZ-ZZZZ")
        let one = try #require(BookingID("01a1fbfe-71c5-743e-8000-000000000021"))
        #expect(one.ticketReference == "0000-0000-0011")
        let many = Set((0..<2000).map { _ in BookingID.make(nowMs: 1, shard: Shard(truncating: 0)).ticketReference })
        #expect(many.count == 2000)
        #expect(many.allSatisfy { $0.count == 14 && !$0.contains { "ILOU".contains($0) } })
    }
}
