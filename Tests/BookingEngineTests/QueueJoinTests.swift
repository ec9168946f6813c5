import Domain
import RedisClient
import Testing

@testable import BookingEngine

@Suite(.serialized) struct QueueJoinTests {
    @Test func joiningTwiceKeepsThePlaceAndALostReplyToo() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            try await fixture.open()
            let (user, id) = (Fixture.id() as UserID, QueueEntryID.make(nowMs: BookingEngine.wallClockMs(), shard: fixture.shard))
            guard case .joined(let first, let told?) = try await fixture.join(user, entry: id) else {
                Issue.record("not joined")
                return
            }
            #expect(first.position == 1 && first.ahead == 0 && first.estimatedWaitSeconds == 1 && first.status == .waiting)
            #expect(told.type == .queueJoined && told.key == fixture.settings.event.description)
            guard case .place(let place) = try QueueEvent(json: told.value) else { throw RedisError(code: .server, operation: "", message: "") }
            #expect(place.id == id && place.user == user && place.tenant == fixture.settings.tenant && place.number == 1)
            _ = try await fixture.joined(3)
            guard case .kept(let second) = try await fixture.join(user) else {
                Issue.record("not kept")
                return
            }
            #expect(second.id == id && second.position == 1)
            guard case .joined(_, nil) = try await fixture.join(user, entry: id) else {
                Issue.record("a repeated call is not known")
                return
            }
            #expect(try await fixture.engine.queueLine(fixture.settings.event)?.waiting == 4)
        }
    }

    @Test func isRefusedWhereItWouldBeInVain() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis, capacity: 2, perUser: 2)
            let user: UserID = Fixture.id()
            #expect(try await fixture.join(user) == .eventUnknown)
            _ = try await fixture.load()
            #expect(try await fixture.join(user) == .off)
            #expect(try await fixture.reserve(user, quantity: 2).reservation != nil)
            fixture.settings.minimumAge = 20
            try await fixture.open()
            #expect(try await fixture.join(user) == .ageRestricted(minimum: 20))
            #expect(try await fixture.join(user, age: 20) == .overLimit(limit: 2, alreadyHeld: 2))
            // What is held may come back.
            #expect(try await fixture.join(age: 20).entry?.estimatedWaitSeconds == nil)
            _ = try await redis.send(RedisCommand("HSET", Keys.zone(fixture.settings.zone, fixture.shard), "held", "0", "sold", "2"))
            #expect(try await fixture.join(age: 20) == .soldOut)
            _ = try await fixture.engine.setQueueMode(event: fixture.settings.event, mode: .closed, actor: "test")
            #expect(try await fixture.join(age: 20) == .closed)
            let opens = BookingEngine.wallClockMs() + 7_200_000
            fixture.settings.saleOpens = Timestamp(ms: opens)
            try await fixture.open()
            #expect(try await fixture.join(age: 20) == .notOpenYet(Timestamp(ms: opens - 1_800_000)))
            fixture.settings.saleOpens = Timestamp(ms: 0)
            fixture.settings.saleCloses = Timestamp(ms: 1)
            try await fixture.open()
            #expect(try await fixture.join(age: 20) == .closed)
        }
    }

    @Test func whoLeavesLosesThePlaceAndAPassComesBack() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 1)
            try await fixture.open()
            let users = try await fixture.joined(3)
            #expect(try await fixture.round().admitted == 1)
            guard case .left(let entry, .some) = try await fixture.engine.leaveQueue(event: fixture.settings.event, user: users[0]) else {
                Issue.record("not left")
                return
            }
            #expect(entry.status == .left && entry.version >> 20 == entry.updatedAt.ms)
            guard case .notInLine(let again?) = try await fixture.engine.leaveQueue(event: fixture.settings.event, user: users[0]) else {
                Issue.record("left twice")
                return
            }
            #expect(again.status == .left)
            #expect(try await fixture.engine.leaveQueue(event: fixture.settings.event, user: Fixture.id()) == .notInLine(nil))
            _ = try await fixture.engine.leaveQueue(event: fixture.settings.event, user: users[1])
            #expect(try await fixture.round().admitted == 1)
            #expect(try await fixture.statuses(users) == [.left, .left, .admitted])
            // Who comes back stands behind.
            #expect(try await fixture.join(users[0]).entry?.position == 1)
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [])
        }
    }

    @Test func theOrderOfThoseWhoCameEarlyFollowsFromThePublishedSeed() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis, capacity: 5000)
            fixture.settings.saleOpens = Timestamp(ms: BookingEngine.wallClockMs() + 600_000)
            try await fixture.open()
            var early: [UserID: QueueEntryID] = [:]
            for _ in 0..<700 {
                let entry = try #require(try await fixture.join().entry)
                #expect(entry.position == nil && entry.estimatedWaitSeconds != nil)
                early[entry.user] = entry.id
            }
            #expect(try await fixture.admit().admitted == 0)
            #expect(try await fixture.queueEvents().contains { if case .line(let line) = $0 { line.seed != nil } else { false } } == false)
            // The moment has come.
            fixture.settings.saleOpens = Timestamp(ms: 0)
            _ = try await fixture.load()
            // Before anybody drew: behind them all.
            let late = try #require(try await fixture.join().entry)
            #expect(try await fixture.admit().hasMore)
            #expect(try await fixture.round().admitted == 100)
            let lines = try await fixture.queueEvents().compactMap { if case .line(let line) = $0 { line } else { nil } }
            let seed = try #require(lines.last?.seed)
            #expect(lines.filter { $0.seed != nil }.count == 1 && lines.last?.drawnTo == 700)
            // Redis' own SHA-1, asked as anybody would compute it.
            var tickets: [(String, UserID)] = []
            for (user, id) in early {
                let digest = try await redis.send(RedisCommand("EVAL", "return redis.sha1hex(ARGV[1])", "0", "\(seed):\(id)")).text ?? ""
                tickets.append((String(digest.prefix(12)), user))
            }
            let order = tickets.sorted { $0.0 < $1.0 }.map(\.1)
            let entries = try await fixture.engine.queueEntries(event: fixture.settings.event, users: order)
            #expect(entries.prefix(100).allSatisfy { $0?.status == .admitted })
            #expect(entries.dropFirst(100).map { $0?.position } == (1...600).map { Optional(Int64($0)) })
            #expect(try await fixture.entry(late.user).position == 601)
            let disagreements = try await fixture.lineDisagreements(order + [late.user])
            #expect(disagreements == [])
        }
    }

    @Test func inRandomModeThoseWhoComeLaterAreMixedToo() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 50)
            try await fixture.open()
            let users = try await fixture.joined(60)
            _ = try await fixture.engine.setQueueMode(event: fixture.settings.event, mode: .random, actor: "test")
            let later = try await fixture.joined(60)
            #expect(try await fixture.round().admitted == 50)
            let first = try await fixture.statuses(users).count { $0 == .admitted }
            #expect((5...45).contains(first), "\(first) of the 50 were there before")
            let disagreements = try await fixture.lineDisagreements(users + later)
            #expect(disagreements == [])
        }
    }

    @Test func whoLeavesARandomLineGetsNoSecondDraw() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 50)
            try await fixture.open(.random)
            let users = try await fixture.joined(30)
            for _ in 0..<10 {
                _ = try await fixture.engine.leaveQueue(event: fixture.settings.event, user: users[0])
                guard case .joined(let again, _) = try await fixture.join(users[0]) else { return _ = Issue.record("not joined") }
                #expect(again.position == 30)
            }
        }
    }

    @Test func aLineStaysAsLongAsTheLastOfItsShows() async throws {
        try await TestRedis.with { redis in
            var fixture = Fixture(redis)
            let now = BookingEngine.wallClockMs()
            fixture.settings.showEnds = Timestamp(ms: now + 3_600_000)
            try await fixture.open()
            _ = try await fixture.joined(1)
            let key = Keys.queue(fixture.settings.event, fixture.shard)
            let first = try await redis.send(RedisCommand("PEXPIRETIME", key)).int
            #expect(first == now + 3_600_000 + 86_400_000)
            fixture.settings.showEnds = Timestamp(ms: now + 7_200_000)
            _ = try await fixture.load()
            let later = try await redis.send(RedisCommand("PEXPIRETIME", key)).int
            #expect(later == now + 7_200_000 + 86_400_000)
        }
    }
}
