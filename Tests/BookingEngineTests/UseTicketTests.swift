import BookingEngine
import Domain
import RedisClient
import Testing

@Suite(.serialized) struct UseTicketTests {
    private func entry(
        _ fixture: Fixture, _ booking: BookingID, _ place: Int, mark: String, doorkeeper: UserID = Fixture.id(), key: String? = nil,
        hash: String = "00"
    ) -> BookingEngine.TicketEntry {
        .init(
            booking: booking, shard: fixture.shard, event: fixture.settings.event, place: place, mark: mark, doorkeeper: doorkeeper,
            idempotency: key.map { .init(route: "ticket_verify", key: $0, bodyHash: hash) }, trace: "00-trace")
    }

    private func sold(_ fixture: Fixture, _ user: UserID = Fixture.id(), quantity: Int = 2) async throws -> BookingID {
        let booking = try await fixture.hold(user, quantity: quantity)
        _ = try await fixture.confirm(try await fixture.open(booking, user))
        return booking
    }

    @Test func aTicketLetsOneIn() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let booking = try await sold(fixture)
            let before = try await fixture.booking(booking)
            let first = entry(fixture, booking, 1, mark: "00aa")
            guard case .used(let at, let written) = try await fixture.engine.useTicket(first) else {
                Issue.record("not used")
                return
            }
            #expect(written.type == .bookingUpdated && written.trace == "00-trace")
            let event = try BookingEvent(json: written.value)
            #expect(event.booking.version == before.version + 1 && event.booking.used == [TicketUse(place: 1, at: at, mark: "00aa")])
            #expect(try await fixture.engine.useTicket(first) == .usedByThis(at))
            #expect(try await fixture.engine.useTicket(entry(fixture, booking, 1, mark: "00bb")) == .usedBefore(at))
            guard case .used = try await fixture.engine.useTicket(entry(fixture, booking, 0, mark: "00cc")) else {
                Issue.record("the other place is its own")
                return
            }
            #expect(try await fixture.booking(booking).used.map(\.place) == [1, 0])
            #expect(try await fixture.engine.useTicket(entry(fixture, booking, 2, mark: "00dd")) == .noSuchPlace)
            try await fixture.checkBooks([booking])
        }
    }

    @Test func ofManyAtOnceOneGetsIn() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let booking = try await sold(fixture, quantity: 1)
            let used = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        if case .used = try await fixture.engine.useTicket(entry(fixture, booking, 0, mark: String(4096 + number, radix: 16))) {
                            return true
                        }
                        return false
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(used == 1)
            #expect(try await fixture.booking(booking).used.count == 1)
        }
    }

    @Test func theSameKeyGetsTheFirstAnswerAgain() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let (booking, doorkeeper) = (try await sold(fixture, user), Fixture.id() as UserID)
            let first = entry(fixture, booking, 0, mark: "00aa", doorkeeper: doorkeeper, key: "k")
            guard case .used(let at, _) = try await fixture.engine.useTicket(first) else {
                Issue.record("not used")
                return
            }
            #expect(try await fixture.engine.useTicket(first) == .usedByThis(at))
            let other = entry(fixture, booking, 1, mark: "00bb", doorkeeper: doorkeeper, key: "k", hash: "11")
            #expect(try await fixture.engine.useTicket(other) == .keyReused)
            // A refusal is judged anew under the same key.
            let late = entry(fixture, booking, 0, mark: "00cc", doorkeeper: doorkeeper, key: "l")
            #expect(try await fixture.engine.useTicket(late) == .usedBefore(at))
            _ = try await fixture.release(booking, .refunded, by: "r")
            #expect(try await fixture.engine.useTicket(first) == .usedByThis(at))
            #expect(try await fixture.engine.useTicket(late) == .wrongState(.refunded))
            // What was used stays known.
            #expect(try await fixture.booking(booking).used.map(\.place) == [0])
        }
    }

    @Test func onlySoldTicketsLetIn() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let (held, gone) = (try await fixture.hold(Fixture.id()), try await fixture.hold(Fixture.id()))
            _ = try await fixture.release(gone, .cancelled)
            #expect(try await fixture.engine.useTicket(entry(fixture, held, 0, mark: "00aa")) == .wrongState(.reserved))
            #expect(try await fixture.engine.useTicket(entry(fixture, gone, 0, mark: "00aa")) == .wrongState(.cancelled))
            let unknown = BookingID.make(nowMs: 1, shard: fixture.shard)
            #expect(try await fixture.engine.useTicket(entry(fixture, unknown, 0, mark: "00aa")) == .missing)
            #expect(try await fixture.booking(held).used.isEmpty)
        }
    }

    @Test func theMoneyOfAUsedTicketCannotBeAskedBack() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await sold(fixture, user)
            func ask() async throws -> AcceptOutcome {
                let operation = fixture.newOperation()
                return try await fixture.engine.accept(
                    .init(
                        operation: operation, type: "payment.refund", resource: "r", user: user, shard: fixture.shard, booking: (booking, .confirmed),
                        idempotency: nil, idempotencyResource: "", message: .paymentRefund, key: booking.description, value: [], trace: ""))
            }
            guard case .accepted = try await ask() else {
                Issue.record("an unused ticket")
                return
            }
            _ = try await fixture.engine.useTicket(entry(fixture, booking, 0, mark: "00aa"))
            #expect(try await ask() == .ticketUsed)
        }
    }

    @Test func aFullOutboxLetsNobodyInUnseen() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis)
            _ = try await fixture.load()
            let booking = try await sold(fixture)
            var limits = ReserveLimits()
            limits.outboxLimit = 1
            fixture.engine = BookingEngine(redis: redis, limits: limits)
            #expect(try await fixture.engine.useTicket(entry(fixture, booking, 0, mark: "00aa")) == .outboxFull)
            #expect(try await fixture.booking(booking).used.isEmpty)
        }
    }

    @Test func usedTicketsComeBackAfterALoss() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let booking = try await sold(fixture)
            let first = entry(fixture, booking, 0, mark: "00aa")
            _ = try await fixture.engine.useTicket(first)
            let early = try await fixture.booking(booking)
            _ = try await fixture.engine.useTicket(entry(fixture, booking, 1, mark: "00bb"))
            let late = try await fixture.booking(booking)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await fixture.load()
            _ = try await fixture.engine.restore([BookingState(booking: early)])
            #expect(try await fixture.booking(booking).used == early.used)
            #expect(try await fixture.engine.useTicket(first) == .usedByThis(early.used[0].at))
            #expect(try await fixture.engine.useTicket(entry(fixture, booking, 0, mark: "00cc")) == .usedBefore(early.used[0].at))
            _ = try await fixture.engine.restore([BookingState(booking: late)])
            #expect(try await fixture.booking(booking) == late)
        }
    }

    @Test func aUseThatIsHeardOfLateIsAddedToThoseOfTheNewEpoch() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let booking = try await sold(fixture)
            let before = try await fixture.booking(booking)
            _ = try await fixture.engine.useTicket(entry(fixture, booking, 0, mark: "00aa"))
            let late = try await fixture.booking(booking)
            _ = try await redis.send(RedisCommand("FLUSHALL"))
            _ = try await fixture.load()
            _ = try await redis.send(RedisCommand("SET", Keys.epoch(fixture.shard), "1"))
            _ = try await fixture.engine.restore([BookingState(booking: before)])
            _ = try await fixture.engine.useTicket(entry(fixture, booking, 1, mark: "00bb"))
            let result = try await fixture.engine.restore([BookingState(booking: late)], tells: true)
            #expect(result.restored == 1 && result.told.count == 1 && result.lost.isEmpty)
            let stands = try await fixture.booking(booking)
            #expect(Set(stands.used.map(\.mark)) == ["00aa", "00bb"] && stands.status == .confirmed && stands.version > 1_000_000)
            #expect(try BookingEvent(json: result.told[0].value).booking == stands)
            // Told once more it is known.
            #expect(try await fixture.engine.restore([BookingState(booking: late)], tells: true).known == 1)
            #expect(try #require(try await fixture.counts()).sold == 2)
        }
    }
}
