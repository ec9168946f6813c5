import BookingEngine
import Domain
import RedisClient
import Testing

@Suite(.serialized) struct ConfirmTests {
    @Test func sellsTheSeatsOnceAndSaysTheSameAgain() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, seats: 5)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user, seats: Array(fixture.settings.seats[1...2]))
            let payment = try await fixture.open(booking, user)
            guard case .confirmed(let entry) = try await fixture.confirm(payment) else {
                Issue.record("not confirmed")
                return
            }
            #expect(entry.type == .bookingConfirmed)
            let event = try BookingEvent(json: entry.value)
            #expect(event.booking.status == .confirmed)
            #expect(event.booking.paymentState == .success)
            #expect(event.zone == ZoneCounts(capacity: 5, available: 3, held: 0, sold: 2, version: 3))
            #expect(try await fixture.confirm(payment) == .confirmedBefore)
            #expect(try await fixture.map() == "fssff")
            #expect(try await fixture.tickets(user) == 2)
            #expect(try await fixture.dueScore(booking) == nil)
            let stored = try #require(try await fixture.engine.payment(payment.id))
            #expect(stored.payment.status == .success)
            #expect(stored.payment.version == 2)
            #expect(stored.token == nil)
            try await fixture.checkBooks([booking])
        }
    }

    @Test func aConfirmedBookingStaysUntilADayAfterTheShow() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis)
            let day: Int64 = 86_400_000
            for ends in [3 * day, -3 * day] {
                fixture.settings.showEnds = Timestamp(ms: BookingEngine.wallClockMs() + ends)
                _ = try await fixture.load()
                let user: UserID = Fixture.id()
                let booking = try await fixture.hold(user)
                _ = try await fixture.confirm(try await fixture.open(booking, user))
                let left = try await fixture.timeToLive(Keys.hold(booking, fixture.shard))
                #expect(((max(ends, 0) + day - 10_000)...(max(ends, 0) + day)).contains(left))
            }
        }
    }

    @Test func onlyTheOpenPaymentOfALiveHoldIsConfirmed() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let first = try await fixture.open(booking, user)
            _ = try await fixture.end(first, .failed)
            #expect(try await fixture.confirm(first) == .otherPayment(first.id))
            let second = try await fixture.open(booking, user)
            #expect(try await fixture.confirm(first) == .otherPayment(second.id))
            _ = try await fixture.confirm(second)
            #expect(try await fixture.confirm(first) == .otherPayment(second.id))
            let unknown = Payment(
                id: fixture.newPayment(), booking: .make(nowMs: 1, shard: fixture.shard), event: first.event, user: user, tenant: first.tenant,
                method: .card, amountMinor: 1, currency: "THB", createdAt: .now, updatedAt: .now)
            #expect(try await fixture.confirm(unknown) == .missing)
            let late = try await fixture.hold(user)
            let payment = try await fixture.open(late, user)
            try await fixture.makeDue(late)
            _ = try await fixture.release(late, .expired)
            #expect(try await fixture.confirm(payment) == .ended(.expired))
            try await fixture.checkBooks([booking, late])
        }
    }

    @Test func aRefundedBookingWasConfirmedBefore() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let payment = try await fixture.open(booking, user)
            _ = try await fixture.confirm(payment)
            _ = try await fixture.release(booking, .refunded, by: "refund")
            #expect(try await fixture.confirm(payment) == .confirmedBefore)
        }
    }

    @Test func aHoldThatIsPastDueAndNotReleasedIsConfirmed() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let payment = try await fixture.open(booking, user)
            try await fixture.makeDue(booking)
            guard case .confirmed = try await fixture.confirm(payment) else {
                Issue.record("not confirmed")
                return
            }
            #expect(try await fixture.release(booking, .expired) == .wrongState(.confirmed))
            try await fixture.checkBooks([booking])
        }
    }

    /// Redis is paused so that the calls are surely under way when their connections break.
    @Test func aCallWhoseConnectionBreaksIsMadeAgain() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let (first, second) = (try await fixture.hold(user), try await fixture.hold(user))
            let payment = try await fixture.open(first, user)
            let other = try await TestRedis.another(redis)
            for _ in 0..<2 {
                _ = try await other.send(RedisCommand("CLIENT", "PAUSE", "20000", "WRITE"))
                async let confirmed = fixture.confirm(payment)
                async let begun = fixture.begin(second, user)
                let limit = ContinuousClock.now + .seconds(10)
                while try await other.send(RedisCommand("INFO", "clients")).text?.contains("blocked_clients:1") != true, .now < limit {
                    await Task.yield()
                }
                _ = try await other.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
                _ = try await other.send(RedisCommand("CLIENT", "UNPAUSE"))
                switch (try await confirmed, try await begun) {
                case (.confirmed, .begun), (.confirmedBefore, .open): break
                case (let confirmed, let begun): Issue.record("\(confirmed) and \(begun)")
                }
            }
            await other.shutdown()
            try await fixture.checkBooks([first, second])
        }
    }

    /// The race of the contract: exactly one wins, and the counts follow it.
    @Test func aConfirmAndAnExpiryAtTheSameMomentHaveOneWinner() async throws {
        try await TestRedis.with { redis in
            let rounds = 200
            let fixture = Fixture(redis, seats: rounds, perUser: 400, limits: .unhurried)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            // Two connections, so that the order is Redis' own.
            let other = BookingEngine(redis: try await TestRedis.another(redis))
            var confirmed = 0
            var bookings: [BookingID] = []
            for round in 0..<rounds {
                let booking = try await fixture.hold(user, seats: [fixture.settings.seats[round]])
                bookings.append(booking)
                let payment = try await fixture.open(booking, user)
                try await fixture.makeDue(booking)
                let isExpireFirst = round % 2 == 0
                let expire = Task {
                    if !isExpireFirst { await Task.yield() }
                    return try await other.release([.init(booking: booking, shard: fixture.shard, status: .expired)])[0].get()
                }
                if isExpireFirst { await Task.yield() }
                switch (try await fixture.confirm(payment), try await expire.value) {
                case (.confirmed, .wrongState(.confirmed)): confirmed += 1
                case (.ended(.expired), .released): break
                case (let confirm, let expire): Issue.record("\(confirm) and \(expire)")
                }
            }
            // Else it was no race.
            #expect((1..<rounds).contains(confirmed))
            await other.redis.shutdown()
            let counts = try #require(try await fixture.counts())
            #expect(counts.isConsistent)
            #expect(counts.sold == Int64(confirmed))
            #expect(counts.held == 0)
            #expect(try await fixture.map().count { $0 == "s" } == confirmed)
            #expect(try await fixture.tickets(user) == Int64(confirmed))
            try await fixture.checkBooks(bookings)
        }
    }
}
