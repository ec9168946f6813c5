import BookingEngine
import Domain
import RedisClient
import Testing

@Suite(.serialized) struct EndPaymentTests {
    @Test func aDeclineKeepsTheHoldAndCountsOnce() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let payment = try await fixture.open(booking, user)
            let before = try await fixture.counts()
            guard case .ended(let entry, 1, .reserved) = try await fixture.end(payment, .failed) else {
                Issue.record("not ended")
                return
            }
            #expect(entry.type == .bookingUpdated)
            #expect(try BookingEvent(json: entry.value).booking.declines == 1)
            #expect(try await fixture.end(payment, .failed) == .endedBefore(declines: 1, status: .reserved))
            // The first word stands.
            #expect(try await fixture.end(payment, .timeout) == .endedBefore(declines: 1, status: .reserved))
            #expect(try await fixture.counts() == before)
            let stored = try #require(try await fixture.engine.payment(payment.id))
            #expect(stored.payment.status == .failed)
            #expect(stored.payment.errorCode == "card_declined")
            #expect(stored.token == nil)
            #expect(try await fixture.dueScore(booking) != nil)
            try await fixture.checkBooks([booking])
        }
    }

    @Test func aTimeOutIsNoDecline() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            guard case .ended(_, 0, .reserved) = try await fixture.end(try await fixture.open(booking, user), .timeout) else {
                Issue.record("not ended")
                return
            }
            #expect(try await fixture.booking(booking).paymentState == .timeout)
            try await fixture.checkBooks([booking])
        }
    }

    @Test func moneyThatCameTooLateIsToldOnTheEndedBooking() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            for first in [nil, PaymentStatus.timeout] {
                let booking = try await fixture.hold(user)
                let payment = try await fixture.open(booking, user)
                try await fixture.makeDue(booking)
                _ = try await fixture.release(booking, .expired)
                if let first { _ = try await fixture.end(payment, first) }
                let left = try await fixture.timeToLive(Keys.hold(booking, fixture.shard))
                guard case .ended(_, 0, .expired) = try await fixture.end(payment, .refunded, reason: .paidTooLate) else {
                    Issue.record("not ended")
                    return
                }
                #expect(try await fixture.end(payment, .refunded, reason: .paidTooLate) == .endedBefore(declines: 0, status: .expired))
                #expect(try await fixture.end(payment, .failed) == .endedBefore(declines: 0, status: .expired))
                let stands = try await fixture.booking(booking)
                #expect(stands.status == .expired)
                #expect(stands.paymentState == .refunded)
                #expect(stands.reason == .paidTooLate)
                #expect(try await fixture.timeToLive(Keys.hold(booking, fixture.shard)) <= left)
                try await fixture.checkBooks([booking])
            }
        }
    }

    @Test func aFailureAfterTheHoldEndedCountsNoDecline() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let payment = try await fixture.open(booking, user)
            _ = try await fixture.release(booking, .cancelled, by: "operation", reason: .eventCancelled)
            guard case .ended(_, 0, .cancelled) = try await fixture.end(payment, .failed, reason: .paidTooLate) else {
                Issue.record("not ended")
                return
            }
            // A booking keeps the reason that it had.
            #expect(try await fixture.booking(booking).reason == .eventCancelled)
        }
    }

    @Test func anotherPaymentsEndIsNotThisOnes() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let first = try await fixture.open(booking, user)
            _ = try await fixture.end(first, .failed)
            let second = try await fixture.open(booking, user)
            #expect(try await fixture.end(first, .failed) == .otherPayment)
            _ = try await fixture.confirm(second)
            #expect(try await fixture.end(second, .failed) == .otherPayment)
            let unknown = Payment(
                id: fixture.newPayment(), booking: .make(nowMs: 1, shard: fixture.shard), event: first.event, user: user, tenant: first.tenant,
                method: .card, amountMinor: 1, currency: "THB", createdAt: .now, updatedAt: .now)
            #expect(try await fixture.end(unknown, .failed) == .missing)
            try await fixture.checkBooks([booking])
        }
    }

    @Test func aPaymentsRecordOnlyGoesForward() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let payment = try await fixture.open(try await fixture.hold(user), user)
            func stored() async throws -> (payment: Payment, token: String?) { try #require(try await fixture.engine.payment(payment.id)) }
            let processing = payment.stepped(to: .processing, at: .now)
            let done = processing.stepped(to: .partiallyRefunded, refundedMinor: 700, at: .now)
            try await fixture.engine.put([processing])
            #expect(try await stored().token == "tok_visa")
            _ = try await redis.send(RedisCommand("PEXPIRE", Keys.payment(payment.id, fixture.shard), "1000"))
            try await fixture.engine.put([done, processing])
            let stands = try await stored()
            #expect(stands.payment == done)
            #expect(stands.token == nil)
            #expect(try await fixture.timeToLive(Keys.payment(payment.id, fixture.shard)) > 172_000_000)
            // One that Redis has lost is written whole.
            _ = try await redis.send(RedisCommand("DEL", Keys.payment(payment.id, fixture.shard)))
            try await fixture.engine.put([done])
            #expect(try await stored().payment == done)
            let unknown = try await fixture.engine.payment(fixture.newPayment())
            #expect(unknown == nil)
        }
    }
}
