import BookingEngine
import Domain
import RedisClient
import Testing

@Suite(.serialized) struct ReserveTests {
    @Test func takesStockAndWritesTheEvent() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            #expect(try await fixture.load() == .set(available: 10))
            guard case .reserved(let reservation, let entry?) = try await fixture.reserve(quantity: 3) else {
                Issue.record("not reserved")
                return
            }
            #expect(reservation.totalMinor == 4500)
            #expect(reservation.remaining == 7)
            #expect(try await fixture.counts() == ZoneCounts(capacity: 10, available: 7, held: 3, sold: 0, version: 2))
            let event = try BookingEvent(json: entry.value)
            #expect(event.booking == (try await fixture.engine.booking(reservation.booking)))
            #expect(event.zone == (try await fixture.counts()))
            #expect(try await redis.send(RedisCommand("XLEN", Keys.outbox(fixture.shard))).int == 1)
        }
    }

    @Test func theSameKeyGivesTheSameBookingAndAnotherBodyIsRefused() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let first = try await fixture.reserve(user, key: "k", hash: "aa")
            let second = try await fixture.reserve(user, key: "k", hash: "aa")
            guard case .replayed(let replayed) = second else {
                Issue.record("\(second)")
                return
            }
            #expect(replayed == first.reservation)
            #expect(try await fixture.reserve(user, key: "k", hash: "bb") == .keyReused)
            #expect(try await fixture.counts()?.held == 1)
        }
    }

    @Test func refusesInTheOrderOfTheContract() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis, capacity: 2, perUser: 2)
            #expect(try await fixture.reserve() == .zoneUnknown)
            fixture.settings.minimumAge = 20
            _ = try await fixture.load()
            #expect(try await fixture.reserve() == .ageRestricted(minimum: 20))
            #expect(try await fixture.reserve(age: 19) == .ageRestricted(minimum: 20))
            #expect(try await fixture.reserve(quantity: 3, age: 20) == .overLimit(limit: 2, alreadyHeld: 0))
            #expect(try await fixture.reserve(seats: [Fixture.id()], age: 20) == .seatsNotNumbered)
            #expect(try await fixture.reserve(age: 20).reservation != nil)
            #expect(try await fixture.reserve(quantity: 2, age: 20) == .outOfStock(available: 1))
            fixture.settings.saleOpens = Timestamp(ms: (1 << 42) - 1)
            _ = try await fixture.load()
            #expect(try await fixture.reserve(quantity: 2) == .saleClosed(opens: fixture.settings.saleOpens, closes: fixture.settings.saleCloses))
        }
    }

    @Test func namedSeatsAreTakenAllOrNone() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, seats: 5)
            _ = try await fixture.load()
            let seats = fixture.settings.seats
            #expect(try await fixture.reserve(seats: [seats[1], seats[3]]).reservation != nil)
            #expect(try await fixture.reserve(seats: [seats[0], seats[1], seats[3]]) == .seatsTaken(["\(seats[1])", "\(seats[3])"]))
            let stranger: SeatID = Fixture.id()
            #expect(try await fixture.reserve(seats: [seats[0], stranger]) == .seatUnknown("\(stranger)"))
            #expect(try await fixture.reserve(quantity: 1) == .seatsRequired)
            #expect(try await fixture.engine.seatMap(fixture.settings.zone, fixture.shard) == Array("fhfhf".utf8))
            #expect(try await fixture.counts()?.available == 3)
        }
    }

    @Test func aBurstIsLimitedAndARefusalLeavesNothingBehind() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 1)
            _ = try await fixture.load()
            _ = try await fixture.reserve()
            let user: UserID = Fixture.id()
            for _ in 0..<10 { #expect(try await fixture.reserve(user) == .outOfStock(available: 0)) }
            guard case .rateLimited(let wait) = try await fixture.reserve(user) else {
                Issue.record("not limited")
                return
            }
            #expect((1...3000).contains(wait))
            let left = try await redis.send(RedisCommand("PTTL", Keys.user(user, fixture.shard))).int
            #expect((1...30_001).contains(left ?? 0))
        }
    }

    /// All of a user's events in a shard share one key.
    @Test func aUsersEventsDoNotShareLimitsAndTheKeyOutlivesTheLast() async throws {
        try await TestRedis.with { redis in
            let user: UserID = Fixture.id()
            let (day, now): (Int64, Int64) = (86_400_000, BookingEngine.wallClockMs())
            var late = Fixture(redis)
            late.settings.showEnds = Timestamp(ms: now + 30 * day)
            var early = Fixture(redis)
            while early.shard != late.shard { early = Fixture(redis) }
            early.settings.showEnds = Timestamp(ms: now + day)
            for fixture in [late, early] {
                _ = try await fixture.load()
                #expect(try await fixture.reserve(user, quantity: 4).reservation?.remaining == 6)
                #expect(try await fixture.reserve(user, quantity: 1) == .overLimit(limit: 4, alreadyHeld: 4))
            }
            let left = try await redis.send(RedisCommand("PTTL", Keys.user(user, late.shard))).int
            #expect((30 * day...31 * day).contains(left ?? 0))
            let recent = try await late.engine.recentBookings(of: user, limit: 10)
            #expect(recent.count == 2)
        }
    }

    @Test func aFullOutboxRefusesBeforeAnyWrite() async throws {
        try await TestRedis.with { redis in
            var limits = ReserveLimits()
            limits.outboxLimit = 1
            let fixture = Fixture(redis, limits: limits)
            _ = try await fixture.load()
            _ = try await fixture.reserve()
            let before = try await redis.send(RedisCommand("DBSIZE")).int
            #expect(try await fixture.reserve() == .outboxFull)
            #expect(try await redis.send(RedisCommand("DBSIZE")).int == before)
            #expect(try await fixture.counts()?.held == 1)
        }
    }

    @Test func versionsStartAboveTheEpoch() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            #expect(try await fixture.reserve().reservation?.version == 1)
            _ = try await redis.send(RedisCommand("SET", Keys.epoch(fixture.shard), "3"))
            #expect(try await fixture.reserve().reservation?.version == 3_000_001)
            #expect(try await fixture.counts()?.version == 3_000_001)
        }
    }

    @Test func seedingTwiceResetsNothingAndCapacityNeverFallsBelowWhatIsTaken() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis)
            _ = try await fixture.load()
            _ = try await fixture.reserve(quantity: 4)
            #expect(try await fixture.load() == .set(available: 6))
            fixture.settings.capacity = 5
            #expect(try await fixture.load() == .set(available: 1))
            fixture.settings.capacity = 3
            #expect(try await fixture.load() == .belowTaken(4))
            #expect(try await fixture.counts()?.isConsistent == true)
        }
    }
}
