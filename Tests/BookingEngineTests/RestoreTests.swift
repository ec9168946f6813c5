import BookingEngine
import Domain
import RedisClient
import Testing

/// `restore.lua`: whatever Redis forgot comes back as it was, from the newest state of each booking.
@Suite struct RestoreTests {
    /// Everything of a zone that a restoration has to give back.
    private struct Picture: Equatable {
        var counts: [Int64]
        var map: String
        var bookings: [Booking]
        var due: [BookingID: Int64]
        var tickets: [Int64]
    }

    private func picture(_ shop: Fixture, _ bookings: [BookingID], _ users: [UserID]) async throws -> Picture {
        let counts = try #require(try await shop.counts())
        var due: [BookingID: Int64] = [:]
        for booking in bookings {
            due[booking] = try await shop.engine.redis.send(RedisCommand("ZSCORE", Keys.due(shop.shard), booking.description)).int
        }
        var tickets: [Int64] = []
        for user in users { tickets.append(try await shop.tickets(user) ?? 0) }
        return Picture(
            counts: [counts.capacity, counts.available, counts.held, counts.sold, counts.version], map: try await shop.map(),
            bookings: try await shop.engine.bookings(bookings.map { ($0, shop.shard) }).compactMap { $0 }, due: due, tickets: tickets)
    }

    private func states(_ shop: Fixture) async throws -> [BookingState] {
        try await shop.outbox().filter { $0.type.rawValue.hasPrefix("booking.") }.map { BookingState(try BookingEvent(json: $0.value)) }
    }

    /// A zone in which something of everything has happened; seats that were given back are taken again by others.
    private func history(_ shop: Fixture, _ users: [UserID]) async throws -> [BookingID] {
        var bookings: [BookingID] = []
        var free = shop.settings.seats
        for round in 0..<12 {
            let user = users[round % users.count]
            let seat = free.isEmpty ? nil : free.removeFirst()
            let booking = try await shop.hold(user, seats: seat.map { [$0] } ?? [])
            bookings.append(booking)
            switch round % 4 {
            case 0:
                _ = try await shop.release(booking, .cancelled, operation: shop.newOperation())
                if let seat { free.insert(seat, at: 0) }
            case 1: _ = try await shop.confirm(try await shop.open(booking, user))
            case 2: _ = try await shop.end(try await shop.open(booking, user), .failed)
            default: _ = try await shop.open(booking, user)
            }
        }
        return bookings
    }

    @Test(arguments: [0, 12]) func anyOrderAndAnyDoubleOfTheEventsGiveBackTheSameState(seats: Int) async throws {
        try await TestRedis.with { redis in
            for seed in 1...20 as ClosedRange<UInt64> {
                var random = SeededGenerator(seed: seed)
                _ = try await redis.send(RedisCommand("FLUSHALL"))
                let shop = Fixture(redis, capacity: 12, seats: seats, perUser: 10, limits: .unhurried)
                _ = try await shop.load()
                let users: [UserID] = (0..<4).map { _ in Fixture.id() }
                let bookings = try await history(shop, users)
                let before = try await picture(shop, bookings, users)
                let events = try await states(shop)
                // Into an empty Redis, in any order, with doubles, and all of it once more.
                _ = try await redis.send(RedisCommand("FLUSHALL"))
                _ = try await shop.load()
                let shuffled = (events + events.filter { _ in Bool.random(using: &random) }).shuffled(using: &random)
                let newest = Dictionary(grouping: shuffled, by: \.booking.id).compactMap { $1.max { $0.booking.version < $1.booking.version } }
                let first = try await shop.engine.restore(newest.shuffled(using: &random))
                #expect(first.failed.isEmpty && first.lost.isEmpty && first.restored == bookings.count)
                #expect(try await picture(shop, bookings, users) == before, "seed \(seed)")
                let again = try await shop.engine.restore(shuffled)
                #expect(again.restored == 0 && again.known == shuffled.count)
                #expect(try await picture(shop, bookings, users) == before, "seed \(seed)")
            }
        }
    }

    @Test func eventsOneByOneInAnyOrderGiveBackTheCounts() async throws {
        try await TestRedis.with { redis in
            let shop = Fixture(redis, capacity: 100, perUser: 100, limits: .unhurried)
            _ = try await shop.load()
            let users: [UserID] = (0..<4).map { _ in Fixture.id() }
            let bookings = try await history(shop, users)
            let before = try await picture(shop, bookings, users)
            let events = try await states(shop)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await shop.load()
            for event in events.shuffled() { _ = try await shop.engine.restore([event]) }
            #expect(try await picture(shop, bookings, users) == before)
        }
    }

    @Test func aRestoredReserveIsKnownByItsKey() async throws {
        try await TestRedis.with { redis in
            let shop = Fixture(redis)
            _ = try await shop.load()
            let user: UserID = Fixture.id()
            let first = try #require(try await shop.reserve(user, key: "k").reservation)
            let events = try await states(shop)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await shop.load()
            _ = try await shop.engine.restore(events)
            guard case .replayed(let again) = try await shop.reserve(user, key: "k") else {
                Issue.record("the key was forgotten")
                return
            }
            #expect(again == first)
        }
    }

    /// Its hold was forgotten a day after the show; the zone's counts say still that nothing is free.
    @Test func aSaleOfAShowThatIsLongOverIsLeftAlone() async throws {
        try await TestRedis.with { redis in
            let shop = Fixture(redis, seats: 2, limits: .unhurried)
            _ = try await shop.load()
            let user: UserID = Fixture.id()
            let sold = try await shop.hold(user, seats: shop.settings.seats)
            _ = try await shop.confirm(try await shop.open(sold, user))
            let sale = try #require(try await states(shop).last { $0.booking.status == .confirmed })
            _ = try await redis.send(RedisCommand("DEL", Keys.hold(sold, shop.shard)))
            _ = try await redis.send(RedisCommand("HSET", Keys.zone(shop.settings.zone, shop.shard), "ends", "1000"))
            for tells in [false, true] {
                let result = try await shop.engine.restore([sale], tells: tells)
                #expect(result.known == 1 && result.lost.isEmpty && result.told.isEmpty)
            }
            let counts = try await redis.send(RedisCommand("HMGET", Keys.zone(shop.settings.zone, shop.shard), "available", "sold"))
            #expect(counts.elements?.map(\.int) == [0, 2])
        }
    }

    @Test func aLateEventTakesItsSeatsOrEndsItsBooking() async throws {
        try await TestRedis.with { redis in
            let shop = Fixture(redis, seats: 2, limits: .unhurried)
            _ = try await shop.load()
            let (late, buyer): (UserID, UserID) = (Fixture.id(), Fixture.id())
            let held = try await shop.hold(late, seats: [shop.settings.seats[0]])
            let sold = try await shop.hold(late, seats: [shop.settings.seats[1]])
            _ = try await shop.confirm(try await shop.open(sold, late))
            let events = try await states(shop)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await shop.load()
            _ = try await redis.send(RedisCommand("SET", Keys.epoch(shop.shard), "7"))
            // Somebody else has the sold seat by now; the other is free.
            let other = try await shop.hold(buyer, seats: [shop.settings.seats[1]])
            let newest = events.filter { $0.booking.id == held || $0.booking.status == .confirmed }
            let result = try await shop.engine.restore(newest, tells: true)
            #expect(result.lost.map(\.id) == [sold])
            #expect(Set(result.told.map(\.type)) == [.bookingUpdated, .bookingRefunded, .paymentRefund] && result.told.count == 3)
            // Its money goes back, by a refund that has the payment's id.
            let command = try RefundCommand(json: try #require(result.told.first { $0.type == .paymentRefund }).value)
            let payment = try #require(newest.first { $0.booking.id == sold }?.booking.payment)
            #expect(command.booking == sold && command.payment == payment && command.refund.bits == payment.bits && command.user == late)
            #expect(command.cause == .seatsTaken && command.tenant == shop.settings.tenant && command.operation == nil)
            #expect(try await shop.booking(held).status == .reserved)
            let ended = try await shop.booking(sold)
            #expect(ended.status == .refunded && ended.reason == .seatsTaken && ended.version > 7_000_000)
            #expect(try await shop.booking(other).status == .reserved)
            #expect(try await shop.map() == "hh")
            try await shop.checkBooks([held, sold, other])
        }
    }

    @Test func anEndThatIsHeardOfLateIsNotToldAgain() async throws {
        try await TestRedis.with { redis in
            let shop = Fixture(redis, limits: .unhurried)
            _ = try await shop.load()
            let booking = try await shop.hold(Fixture.id())
            _ = try await shop.release(booking, .cancelled, operation: shop.newOperation())
            let events = try await states(shop)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await shop.load()
            _ = try await redis.send(RedisCommand("SET", Keys.epoch(shop.shard), "1"))
            let result = try await shop.engine.restore(events.filter { $0.booking.status == .cancelled }, tells: true)
            #expect(result.restored == 1 && result.told.isEmpty)
            // The hold that is heard of after its end takes nothing.
            let older = try await shop.engine.restore(events.filter { $0.booking.status == .reserved }, tells: true)
            #expect(older.known == 1 && older.told.isEmpty)
            #expect(try await shop.counts()?.held == 0)
        }
    }

    @Test func aSaleThatIsHeardOfAfterItsHoldExpiredTakesItsSeatsBack() async throws {
        try await TestRedis.with { redis in
            let shop = Fixture(redis, limits: .unhurried)
            _ = try await shop.load()
            let user: UserID = Fixture.id()
            let booking = try await shop.hold(user)
            _ = try await shop.confirm(try await shop.open(booking, user))
            let events = try await states(shop)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await shop.load()
            _ = try await shop.engine.restore(events.filter { $0.booking.version == 2 })
            _ = try await redis.send(RedisCommand("SET", Keys.epoch(shop.shard), "1"))
            try await shop.makeDue(booking)
            _ = try await shop.release(booking, .expired)
            #expect(try await shop.booking(booking).status == .expired)
            let result = try await shop.engine.restore(events.filter { $0.booking.status == .confirmed }, tells: true)
            #expect(result.told.map(\.type) == [.bookingUpdated])
            #expect(try await shop.booking(booking).status == .confirmed)
            #expect(try await shop.counts()?.sold == 1)
            #expect(try await shop.tickets(user) == 1)
        }
    }
}
