import BookingEngine
import Domain
import RedisClient
import Testing

@Suite(.serialized) struct ReleaseTests {
    @Test func aCancelledHoldReturnsItsSeatsOnceAndSaysTheSameAgain() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, seats: 4, perUser: 2)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let seats = Array(fixture.settings.seats[1...2])
            let booking = try #require(try await fixture.reserve(user, seats: seats).reservation?.booking)
            let operation: OperationID = .make(nowMs: 1, shard: fixture.shard)
            guard case .released(let entry) = try await fixture.release(booking, .cancelled, operation: operation) else {
                Issue.record("not released")
                return
            }
            let event = try BookingEvent(json: entry.value)
            #expect(event.booking.status == .cancelled)
            #expect(event.booking.version == 2)
            #expect(event.zone.held == 0)
            #expect(try await fixture.release(booking, .cancelled, operation: operation) == .releasedBefore)
            #expect(try await fixture.release(booking, .cancelled, operation: .make(nowMs: 2, shard: fixture.shard)) == .wrongState(.cancelled))
            #expect(try await fixture.release(booking, .expired) == .wrongState(.cancelled))
            #expect(try await fixture.counts()?.available == 4)
            #expect(try await fixture.engine.seatMap(fixture.settings.zone, fixture.shard) == Array("ffff".utf8))
            // The allowance is back too.
            #expect(try await fixture.reserve(user, seats: seats).reservation != nil)
        }
    }

    @Test func aHoldExpiresOnlyWhenItIsDue() async throws {
        try await TestRedis.with { redis in
            var limits = ReserveLimits()
            limits.hold = .milliseconds(1)
            let short = Fixture(redis, limits: limits)
            _ = try await short.load()
            let booking = try #require(try await short.reserve().reservation?.booking)
            var outcome = try await short.release(booking, .expired)
            while outcome == .notDue { outcome = try await short.release(booking, .expired) }
            guard case .released = outcome else {
                Issue.record("\(outcome)")
                return
            }
            let long = Fixture(redis)
            _ = try await long.load()
            let other = try #require(try await long.reserve().reservation?.booking)
            #expect(try await long.release(other, .expired) == .notDue)
            #expect(try await long.counts()?.held == 1)
        }
    }

    @Test func aUserCannotCancelWhileAPaymentIsOpenAndTheOthersCan() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let (first, second) = (try await fixture.hold(user), try await fixture.hold(user))
            let payment = try await fixture.open(first, user)
            #expect(try await fixture.release(first, .cancelled, operation: fixture.newOperation()) == .paymentOpen)
            #expect(try await fixture.counts()?.held == 2)
            guard case .released(let entry) = try await fixture.release(first, .cancelled, by: "organiser", reason: .eventCancelled) else {
                Issue.record("not released")
                return
            }
            #expect(try BookingEvent(json: entry.value).booking.reason == .eventCancelled)
            #expect(try await fixture.release(first, .cancelled, by: "organiser", reason: .eventCancelled) == .releasedBefore)
            #expect(try await fixture.confirm(payment) == .ended(.cancelled))
            _ = try await fixture.open(second, user)
            try await fixture.makeDue(second)
            guard case .released = try await fixture.release(second, .expired) else {
                Issue.record("not released")
                return
            }
            // The money may still come.
            #expect(try await fixture.booking(second).paymentState == .open)
            try await fixture.checkBooks([first, second])
        }
    }

    @Test func aRefundPutsTheSeatsOnSaleAgain() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, seats: 4, perUser: 2)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let seats = Array(fixture.settings.seats[0...1])
            let booking = try await fixture.hold(user, seats: seats)
            #expect(try await fixture.release(booking, .refunded, by: "refund") == .wrongState(.reserved))
            // A refusal does not take a hold out of the clock's sight.
            #expect(try await fixture.dueScore(booking) != nil)
            _ = try await fixture.confirm(try await fixture.open(booking, user))
            #expect(try await fixture.release(booking, .cancelled, operation: fixture.newOperation()) == .wrongState(.confirmed))
            guard case .released(let entry) = try await fixture.release(booking, .refunded, by: "refund") else {
                Issue.record("not released")
                return
            }
            #expect(entry.type == .bookingRefunded)
            #expect(try BookingEvent(json: entry.value).zone == ZoneCounts(capacity: 4, available: 4, held: 0, sold: 0, version: 4))
            #expect(try await fixture.release(booking, .refunded, by: "refund") == .releasedBefore)
            #expect(try await fixture.release(booking, .refunded, by: "other") == .wrongState(.refunded))
            #expect(try await fixture.map() == "ffff")
            #expect(try await fixture.tickets(user) == 0)
            #expect((86_390_000...86_400_000).contains(try await fixture.timeToLive(Keys.hold(booking, fixture.shard))))
            try await fixture.checkBooks([booking])
            #expect(try await fixture.reserve(user, seats: seats).reservation != nil)
        }
    }

    /// The count has gone with its show's day after; it must not come back below zero.
    @Test func aRefundAfterTheUsersCountHasGoneMakesNone() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            _ = try await fixture.confirm(try await fixture.open(booking, user))
            _ = try await redis.send(RedisCommand("DEL", Keys.user(user, fixture.shard)))
            guard case .released = try await fixture.release(booking, .refunded, by: "refund") else {
                Issue.record("not released")
                return
            }
            #expect(try await redis.send(RedisCommand("EXISTS", Keys.user(user, fixture.shard))).int == 0)
        }
    }

    @Test func aHoldWhoseZoneIsGoneIsNotDecided() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let payment = try await fixture.open(booking, user)
            _ = try await redis.send(RedisCommand("DEL", Keys.zone(fixture.settings.zone, fixture.shard)))
            for decide: () async throws -> Void in [
                { _ = try await fixture.release(booking, .cancelled, by: "x", reason: .eventCancelled) },
                { _ = try await fixture.confirm(payment) }, { _ = try await fixture.end(payment, .failed) },
            ] {
                let error = await #expect(throws: EngineError.self) { try await decide() }
                #expect(error?.code == .stateMissing)
                #expect(error?.disposition == .outage)
            }
            #expect(try await fixture.booking(booking).version == 2)
        }
    }

    @Test func anUnknownBookingIsMissing() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            let outcome = try await fixture.release(.make(nowMs: 1, shard: fixture.shard), .cancelled)
            #expect(outcome == .missing)
        }
    }

    /// Random interleavings of everything that moves stock; the books must balance after every step.
    @Test(arguments: 1...20) func theBooksBalanceAfterEveryStep(seed: UInt64) async throws {
        try await TestRedis.with { redis in
            var limits = ReserveLimits()
            limits.hold = .milliseconds(5)
            limits.burst = 1_000_000
            let fixture = Fixture(redis, seats: 12, perUser: 3, limits: limits)
            _ = try await fixture.load()
            var random = SeededGenerator(seed: seed)
            let users = (0..<6).map { _ in Fixture.id() as UserID }
            var bookings: [BookingID] = []
            for step in 0..<120 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let user = users[Int.random(in: 0..<users.count, using: &random)]
                    let seats = Array(fixture.settings.seats.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
                    if let booking = try await fixture.reserve(user, seats: seats, key: "\(step)").reservation?.booking { bookings.append(booking) }
                case 5..<7:
                    guard let booking = bookings.randomElement(using: &random) else { break }
                    _ = try await fixture.release(booking, .cancelled, operation: .make(nowMs: Int64(step), shard: fixture.shard))
                case 7..<9:
                    guard let booking = bookings.randomElement(using: &random) else { break }
                    _ = try await fixture.release(booking, .expired)
                default: _ = try await fixture.load()
                }
                let counts = try #require(try await fixture.counts())
                let live = try await fixture.engine.bookings(bookings.map { ($0, fixture.shard) }).compactMap { $0 }.filter(\.status.isLive)
                let map = try await fixture.engine.seatMap(fixture.settings.zone, fixture.shard)
                #expect(counts.isConsistent, "seed \(seed), step \(step)")
                #expect(live.reduce(0) { $0 + $1.quantity } == counts.held, "seed \(seed), step \(step)")
                #expect(Int64(map.count { $0 == UInt8(ascii: "h") }) == counts.held, "seed \(seed), step \(step)")
                #expect(Set(live.flatMap(\.seats)).count == live.flatMap(\.seats).count, "seed \(seed), step \(step)")
                for user in users { #expect(live.filter { $0.user == user }.reduce(0) { $0 + $1.quantity } <= 3, "seed \(seed), step \(step)") }
            }
        }
    }
}

/// SplitMix64, so that a failing seed can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
