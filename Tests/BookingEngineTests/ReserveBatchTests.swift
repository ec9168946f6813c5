import Domain
import RedisClient
import Testing

@testable import BookingEngine

/// Several reserves in one call.
@Suite(.serialized) struct ReserveBatchTests {
    /// The rate that a bucket refills at must not show in a test.
    private static func limits(burst: Int64 = 10) -> ReserveLimits {
        var limits = ReserveLimits()
        (limits.burst, limits.ratePerMinute) = (burst, 1)
        return limits
    }

    @Test(arguments: [UInt64](1...6)) func aBatchDecidesAsSingleCallsDo(seed: UInt64) async throws {
        try await TestRedis.with { one in
            try await TestRedis.with { other in
                var random = SeededGenerator(seed: seed)
                let single = Fixture(one, capacity: 60, seats: seed % 2 == 0 ? 60 : 0, limits: Self.limits(burst: 5))
                var batched = Fixture(other, limits: Self.limits(burst: 5))
                batched.settings = single.settings
                _ = try await single.load()
                _ = try await batched.load()
                let asks = Self.asks(64, single, &random)
                var expected: [BookingEngine.ReserveResult] = []
                for ask in asks { expected += try await single.decide([ask]) }
                let results = try await batched.decide(asks)
                #expect(results.map(Self.plain) == expected.map(Self.plain))
                #expect(Set(results.map { $0.outcome?.label ?? "error" }).count > 2)
                #expect(try await Self.dump(other) == Self.dump(one))
                let (told, toldSingly) = (results.compactMap(\.booking), expected.compactMap(\.booking))
                #expect(try await batched.disagreements(reserved: told) == [])
                #expect(try await single.disagreements(reserved: toldSingly) == [])
            }
        }
    }

    /// Who publishes it, the caller or the sweeper, does not matter to the audit.
    @Test func whereAReserveCameFromStaysInTheOutbox() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let asks = [ReserveAsk(), ReserveAsk()]
            let results = try await fixture.decide(asks)
            let entries = results.compactMap { result -> OutboxEntry? in
                if case .reserved(_, let entry) = result.outcome { entry } else { nil }
            }
            #expect(entries.count == 2)
            #expect(try await fixture.outbox() == entries)
            for (ask, entry) in zip(asks, entries) {
                let header = try #require(entry.record.headers.last { $0.name == RequestOrigin.header })
                #expect(try RequestOrigin(json: header.value) == RequestOrigin(address: "::1", agent: "a \"b\"", requestID: ask.key))
            }
        }
    }

    @Test(arguments: [UInt64](11...16)) func randomBatchesKeepTheInvariants(seed: UInt64) async throws {
        try await TestRedis.with { redis in
            var random = SeededGenerator(seed: seed)
            let fixture = Fixture(redis, capacity: 90, seats: seed % 2 == 0 ? 90 : 0, limits: Self.limits(burst: 8))
            _ = try await fixture.load()
            var told: [BookingID] = []
            for _ in 0..<12 {
                let asks = Self.asks(Int.random(in: 1...64, using: &random), fixture, &random)
                told += try await fixture.decide(asks).compactMap(\.booking)
            }
            #expect(try await fixture.disagreements(reserved: told) == [])
            #expect(try await fixture.counts()?.available ?? 99 < 60)
        }
    }

    @Test func whatOneTookTheNextOfItsBatchSees() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, seats: 6, perUser: 4)
            _ = try await fixture.load()
            let (user, seats) = (Fixture.id() as UserID, fixture.settings.seats)
            let first = ReserveAsk(user: user, seats: [seats[0], seats[1], seats[2]], key: "k", hash: "aa")
            let results = try await fixture.decide([
                first, first, ReserveAsk(user: user, seats: [seats[3]], key: "k", hash: "bb"),
                ReserveAsk(user: user, seats: [seats[3], seats[4]]), ReserveAsk(seats: [seats[3], seats[2]]),
                ReserveAsk(seats: [seats[3], seats[4], seats[5]]), ReserveAsk(seats: [seats[5]]),
            ]).map(\.outcome)
            let reservation = try #require(results[0]?.reservation)
            #expect(results[1] == .replayed(reservation))
            #expect(results[2] == .keyReused)
            #expect(results[3] == .overLimit(limit: 4, alreadyHeld: 3))
            #expect(results[4] == .seatsTaken(["\(seats[2])"]))
            #expect(results[5]?.reservation?.remaining == 0)
            #expect(results[6] == .outOfStock(available: 0))
            #expect(try await fixture.counts() == ZoneCounts(capacity: 6, available: 0, held: 6, sold: 0, version: 3))
        }
    }

    @Test func stockAndOutboxEndInTheMiddle() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 5)
            _ = try await fixture.load()
            let results = try await fixture.decide([2, 2, 2, 1, 1].map { ReserveAsk(quantity: $0) })
            #expect(results.map { $0.outcome?.label } == ["reserved", "reserved", "out_of_stock", "reserved", "out_of_stock"])
            #expect(results[2].outcome == .outOfStock(available: 1))
            #expect(try await fixture.disagreements(reserved: results.compactMap(\.booking)) == [])

            var limits = ReserveLimits()
            limits.outboxLimit = 2
            let bounded = Fixture(redis, limits: limits)
            _ = try await bounded.load()
            _ = try await redis.send(RedisCommand("DEL", Keys.outbox(bounded.shard)))
            let full = try await bounded.decide([ReserveAsk(), ReserveAsk(), ReserveAsk()])
            #expect(full.map { $0.outcome?.label } == ["reserved", "reserved", "outbox_full"])
        }
    }

    /// Redis has no rollback: what the others took must be in the zone all the same.
    @Test func anErrorInTheMiddleIsTheAnswerToThatReserveAlone() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let asks = [ReserveAsk(), ReserveAsk(), ReserveAsk()]
            _ = try await redis.send(RedisCommand("SET", Keys.user(asks[1].user, fixture.shard), "of another type"))
            let results = try await fixture.decide(asks)
            guard case .failure(let error) = results[1] else {
                Issue.record("\(results[1])")
                return
            }
            #expect(error.code == .redis)
            #expect(error.underlying?.serverCode == "WRONGTYPE")
            let told = results.compactMap(\.booking)
            #expect(told.count == 2)
            #expect(try await fixture.disagreements(reserved: told) == [])
        }
    }

    /// The call ran, and its reply was lost.
    @Test func aBatchThatIsSentTwiceTakesNothingMore() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 100)
            _ = try await fixture.load()
            let asks = (0..<64).map { _ in ReserveAsk(booking: .make(nowMs: BookingEngine.wallClockMs(), shard: fixture.shard)) }
            let first = try await fixture.decide(asks)
            let second = try await fixture.decide(asks)
            #expect(second.map { $0.outcome?.reservation } == first.map { $0.outcome?.reservation })
            for result in second {
                guard case .reserved(_, nil)? = result.outcome else {
                    Issue.record("\(result)")
                    return
                }
            }
            #expect(try await fixture.counts()?.held == 64)
            #expect(try await fixture.disagreements(reserved: first.compactMap(\.booking)) == [])
        }
    }

    @Test func aFullRedisRefusesNewReservesAndRepeatsOldAnswers() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let old = ReserveAsk(booking: .make(nowMs: BookingEngine.wallClockMs(), shard: fixture.shard))
            let first = try await fixture.decide([old])
            let size = try await redis.send(RedisCommand("DBSIZE")).int
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
            let results = try await fixture.decide([ReserveAsk(), old, ReserveAsk()])
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
            #expect(results[1].outcome?.reservation == first[0].outcome?.reservation)
            for index in [0, 2] {
                guard case .failure(let error) = results[index] else {
                    Issue.record("\(results[index])")
                    return
                }
                #expect(error.underlying?.serverCode == "OOM")
            }
            #expect(try await redis.send(RedisCommand("DBSIZE")).int == size)
            #expect(try await fixture.disagreements(reserved: first.compactMap(\.booking)) == [])
        }
    }

    @Test func argumentsThatDoNotAddUpAreRefusedBeforeAnyWrite() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let size = try await redis.send(RedisCommand("DBSIZE")).int
            let results = try await fixture.decide([ReserveAsk(), ReserveAsk(age: 30), ReserveAsk(user: Fixture.id())])
            #expect(results.compactMap(\.booking).count == 3)
            let keys = (0..<9).map { "k\($0)" }
            for arguments in [
                ["1"], ["b", "0", "h", "f", "", "", "", "k", "", "0"], ["b", "1", "h", "f", "", "", "", "k", "", "2", "s"],
                ["b", "x", "h", "f", "", "", "", "k", "", "0"],
            ] {
                let all = (["e", "s", "20", "10", "100", "1000", "1000"] + arguments).map { RedisArgument.string($0) }
                await #expect(throws: RedisError.self) { try await redis.evaluate(ReserveBatch.script, keys: keys, arguments: all) }
            }
            #expect(try await redis.send(RedisCommand("EXISTS", "k0", "k7", "k8")).int == 0)
            #expect(size != nil)
        }
    }

    private static func asks(_ count: Int, _ fixture: Fixture, _ random: inout SeededGenerator) -> [ReserveAsk] {
        let users: [UserID] = (0..<16).map { UserID(UUIDBits(high: 7, low: UInt64($0))) }
        return (0..<count).map { index in
            var ask = ReserveAsk(user: users.randomElement(using: &random) ?? users[0])
            if Int.random(in: 0..<3, using: &random) > 0 { ask.user = UserID(UUIDBits(high: random.next(), low: random.next())) }
            ask.quantity = Int.random(in: 1...5, using: &random)
            if !fixture.settings.seats.isEmpty, Int.random(in: 0..<12, using: &random) > 0 {
                let first = Int.random(in: 0..<(fixture.settings.seats.count - 5), using: &random)
                ask.seats = Array(fixture.settings.seats[first..<(first + ask.quantity)])
            }
            ask.key = Int.random(in: 0..<3, using: &random) == 0 ? "same" : "\(random.next())"
            ask.hash = Int.random(in: 0..<6, using: &random) == 0 ? "ff" : "00"
            ask.booking = .make(nowMs: BookingEngine.wallClockMs(), shard: fixture.shard)
            return ask
        }
    }

    /// A result without what time has put into it.
    private static func plain(_ result: BookingEngine.ReserveResult) -> String {
        guard let outcome = result.outcome else { return "\(result)" }
        switch outcome {
        case .rateLimited: return outcome.label
        case .reserved(_, let entry?):
            return "\(outcome.label) \(withoutTimes(String(decoding: entry.value, as: UTF8.self))) \(entry.key) \(entry.version)"
        default: return withoutTimes("\(outcome)")
        }
    }

    /// Every key with what it holds, without times and what hangs on them.
    private static func dump(_ redis: RedisClient) async throws -> [String: String] {
        var dump: [String: String] = [:]
        for key in (try await redis.send(RedisCommand("KEYS", "*")).elements ?? []).compactMap(\.text) {
            let command =
                switch try await redis.send(RedisCommand("TYPE", key)).text {
                case "hash": RedisCommand("HGETALL", key)
                case "set": RedisCommand("SMEMBERS", key)
                case "zset": RedisCommand("ZRANGE", key, "0", "-1")
                case "stream": RedisCommand("XRANGE", key, "-", "+")
                default: RedisCommand("GET", key)
                }
            let expires = try await redis.send(RedisCommand("PTTL", key)).int ?? 0
            let value = withoutTimes(text(try await redis.send(command), isSorted: key.hasPrefix("due")))
            dump[key] = value + (expires > 0 ? " expires" : "")
        }
        return dump
    }

    private static func text(_ reply: RedisReply, isSorted: Bool) -> String {
        guard let elements = reply.elements else { return reply.text ?? "" }
        let texts = elements.map { text($0, isSorted: isSorted) }
        return (isSorted ? texts.sorted() : texts).joined(separator: "\n")
    }

    private static func withoutTimes(_ text: String) -> String {
        text.replacing(/\d{13}-\d+/, with: "ID").replacing(/(\d+)\d{3}\|\d{13}/) { "\($0.1)|T" }.replacing(/\b1\d{12}\b/, with: "T")
            .replacing(/\d{4}-\d\d-\d\dT[\d:.]+Z/, with: "T")
    }
}
