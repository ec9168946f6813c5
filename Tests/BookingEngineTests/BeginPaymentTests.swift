import BookingEngine
import Domain
import RedisClient
import Testing

@Suite(.serialized) struct BeginPaymentTests {
    @Test func beginsOnceAndWritesEverythingInOneCall() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user, quantity: 2)
            let before = try await fixture.booking(booking)
            let (id, operation) = (fixture.newPayment(), fixture.newOperation())
            guard case .begun(let payment, operation, let entries) = try await fixture.begin(booking, user, payment: id, operation: operation) else {
                Issue.record("not begun")
                return
            }
            #expect(payment.id == id)
            #expect(payment.amountMinor == 3000)
            #expect(payment.currency == "THB")
            #expect(payment.status == .pending)
            #expect(payment.version == 1)
            #expect(payment.event == fixture.settings.event)
            #expect(payment.tenant == fixture.settings.tenant)
            #expect(entries.map(\.type) == [.bookingUpdated, .paymentCharge])
            #expect(try ChargeCommand(json: entries[1].value) == ChargeCommand(payment: payment, operation: operation))
            #expect(entries[1].value == ChargeCommand(payment: payment, operation: operation).json)
            #expect(entries[1].version == "\(id)")
            #expect(entries[1].key == "\(booking)")
            let stored = try #require(try await fixture.engine.payment(id))
            #expect(stored.payment == payment)
            #expect(stored.token == "tok_visa")
            let after = try await fixture.booking(booking)
            #expect(after.payment == id)
            #expect(after.paymentState == .open)
            #expect(after.version == before.version + 1)
            // Ten minutes were left, more than a payment needs.
            #expect(after.expiresAt == before.expiresAt)
            #expect(try await fixture.engine.operation(operation)?.resource == "/api/v1/payments/\(id)")
            #expect((172_700_000...172_800_000).contains(try await fixture.timeToLive(Keys.payment(id, fixture.shard))))
            #expect(try await fixture.outbox().dropFirst() == entries[...])
            try await fixture.checkBooks([booking])
        }
    }

    @Test func aSecondCallForTheSamePaymentSaysTheSameAndWritesNothing() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let (id, operation) = (fixture.newPayment(), fixture.newOperation())
            let key = BookingEngine.Idempotency(route: "pay", key: "k", bodyHash: "00")
            for idempotency in [nil, key] {
                let first = try await fixture.begin(booking, user, payment: id, operation: operation, idempotency: idempotency)
                guard case .begun(let payment, _, _) = first else {
                    Issue.record("\(first)")
                    return
                }
                #expect(try await fixture.begin(booking, user, payment: id, operation: operation) == .begun(payment, operation, []))
                #expect(try await fixture.outbox().count == 3)
            }
            // It stays so when the payment has ended and another has begun.
            let payment = try #require(try await fixture.engine.payment(id)).payment
            _ = try await fixture.end(payment, .failed)
            _ = try await fixture.open(booking, user)
            guard case .begun(let ended, operation, []) = try await fixture.begin(booking, user, payment: id, operation: operation) else {
                Issue.record("not the same")
                return
            }
            #expect(ended.status == .failed)
            // It tells nobody else.
            #expect(try await fixture.begin(booking, Fixture.id(), payment: id, operation: operation) == .notYours)
        }
    }

    @Test func anIdempotencyKeyGivesTheFirstAnswer() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let (id, operation) = (fixture.newPayment(), fixture.newOperation())
            func begin(_ hash: String) async throws -> PaymentStartOutcome {
                try await fixture.begin(
                    booking, user, operation: fixture.newOperation(), idempotency: .init(route: "pay", key: "k", bodyHash: hash))
            }
            _ = try await fixture.begin(booking, user, payment: id, operation: operation, idempotency: .init(route: "pay", key: "k", bodyHash: "00"))
            #expect(try await begin("00") == .replayed(id, operation))
            #expect(try await begin("11") == .keyReused)
            #expect(try await fixture.outbox().count == 3)
        }
    }

    @Test func refusesWhatCannotBePaid() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            #expect(try await fixture.begin(.make(nowMs: 1, shard: fixture.shard), user) == .missing)
            #expect(try await fixture.begin(booking, Fixture.id()) == .notYours)
            #expect(try await fixture.begin(booking, user, method: .bankTransfer) == .methodNotAllowed)
            let payment = try await fixture.open(booking, user)
            #expect(try await fixture.begin(booking, user) == .open(payment.id))
            _ = try await fixture.confirm(payment)
            #expect(try await fixture.begin(booking, user) == .wrongState(.confirmed))
            let late = try await fixture.hold(user)
            try await fixture.makeDue(late)
            #expect(try await fixture.begin(late, user) == .expired)
            _ = try await fixture.release(late, .expired)
            #expect(try await fixture.begin(late, user) == .expired)
            let cancelled = try await fixture.hold(user)
            _ = try await fixture.release(cancelled, .cancelled, by: "operation")
            #expect(try await fixture.begin(cancelled, user) == .wrongState(.cancelled))
            try await fixture.checkBooks([booking, late, cancelled])
        }
    }

    @Test func aFullOutboxRefusesBeforeAnyWrite() async throws {
        try await TestRedis.with { redis in
            var limits = ReserveLimits()
            limits.outboxLimit = 2
            let fixture = Fixture(redis, limits: limits)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let before = try await redis.send(RedisCommand("DBSIZE")).int
            #expect(
                try await fixture.begin(
                    booking, user, operation: fixture.newOperation(), idempotency: .init(route: "pay", key: "k", bodyHash: "0")) == .outboxFull)
            #expect(try await redis.send(RedisCommand("DBSIZE")).int == before)
            #expect(try await fixture.booking(booking).version == 1)
        }
    }

    @Test func theThirdDeclineIsTheLast() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            for declines in 1...3 {
                let payment = try await fixture.open(booking, user)
                guard case .ended(_, Int64(declines), .reserved) = try await fixture.end(payment, .failed) else {
                    Issue.record("not ended")
                    return
                }
                // A time-out is nobody's refusal.
                if declines < 3 { _ = try await fixture.end(try await fixture.open(booking, user), .timeout) }
            }
            #expect(try await fixture.begin(booking, user) == .declinedTooOften)
            #expect(try await fixture.booking(booking).declines == 3)
            try await fixture.checkBooks([booking])
        }
    }

    @Test func aHoldLastsLongEnoughForItsPaymentAndNotForEver() async throws {
        try await TestRedis.with { redis in
            var limits = ReserveLimits()
            limits.hold = .seconds(60)
            var fixture = Fixture(redis, limits: limits)
            fixture.settings.allowsBankTransfer = true
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            func left(_ booking: BookingID, sinceReserve: Int64 = 0, method: PaymentMethod = .card) async throws -> Int64 {
                if sinceReserve > 0 {
                    // As if it had been reserved so long ago.
                    let fragment = try #require(try await redis.send(RedisCommand("HGET", Keys.hold(booking, fixture.shard), "fragment")).text)
                    let created = try await fixture.booking(booking).createdAt.ms
                    _ = try await redis.send(
                        RedisCommand(
                            "HSET", Keys.hold(booking, fixture.shard), "fragment",
                            fragment.replacing("\"created_at_ms\":\(created)", with: "\"created_at_ms\":\(created - sinceReserve)")))
                }
                let payment = try await fixture.open(booking, user, method: method)
                let stands = try await fixture.booking(booking)
                #expect(try await fixture.dueScore(booking) == stands.expiresAt.ms)
                // Ended payments do not shorten it again.
                _ = try await fixture.end(payment, .failed)
                #expect(try await fixture.booking(booking).expiresAt == stands.expiresAt)
                return stands.expiresAt.ms - payment.createdAt.ms
            }
            let minute: Int64 = 60_000
            // At least five minutes from now …
            #expect(try await left(try await fixture.hold(user)) == 5 * minute)
            #expect(try await left(try await fixture.hold(user), sinceReserve: 12 * minute) == 5 * minute)
            // … but not beyond twenty after the reserve, and never sooner than it was.
            #expect(((2 * minute - 2000)...(2 * minute)).contains(try await left(try await fixture.hold(user), sinceReserve: 18 * minute)))
            let old = try await left(try await fixture.hold(user), sinceReserve: 30 * minute)
            #expect(((minute - 2000)...minute).contains(old))
            let other: UserID = Fixture.id()
            let bank = try await fixture.hold(other)
            _ = try await fixture.open(bank, other, method: .bankTransfer)
            let day = try await fixture.booking(bank)
            #expect(day.expiresAt.ms == day.createdAt.ms + 24 * 60 * minute)
        }
    }

    /// Two tabs.
    @Test func twoPaymentsAtOnceAreOne() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 40, perUser: 40, limits: .unhurried)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            for _ in 0..<20 {
                let booking = try await fixture.hold(user)
                let outcomes = try await withThrowingTaskGroup(of: PaymentStartOutcome.self) { group in
                    for _ in 0..<4 { group.addTask { try await fixture.begin(booking, user) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let begun = outcomes.compactMap { outcome -> PaymentID? in
                    if case .begun(let payment, _, _) = outcome { payment.id } else { nil }
                }
                #expect(begun.count == 1)
                #expect(outcomes.count { $0 == .open(begun[0]) } == 3)
            }
        }
    }

    @Test func aZeroTotalIsAPaymentToo() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis)
            fixture.settings.priceMinor = 0
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user, quantity: 2)
            let payment = try await fixture.open(booking, user)
            #expect(payment.amountMinor == 0)
            guard case .confirmed = try await fixture.confirm(payment) else {
                Issue.record("not confirmed")
                return
            }
            try await fixture.checkBooks([booking])
        }
    }

    /// A client's text lies beside the members that the scripts read.
    @Test func anIdempotencyKeyThatLooksLikeJSONChangesNothing() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let trap = #"x","total_minor":1,"tenant_id":"y","currency":"z","created_at_ms":1,"quantity":9,"zone_id":"q"#
            let booking = try #require(try await fixture.reserve(user, quantity: 2, key: trap).reservation?.booking)
            let payment = try await fixture.open(booking, user)
            #expect(payment.amountMinor == 3000)
            #expect(payment.tenant == fixture.settings.tenant)
            _ = try await fixture.confirm(payment)
            #expect(try await fixture.counts()?.sold == 2)
            try await fixture.checkBooks([booking])
        }
    }
}
