import Domain
import RedisClient
import Synchronization
import Testing

@testable import BookingEngine

@Suite(.serialized) struct QueueAdmissionTests {
    /// Tells several tasks to stop.
    private final class End: Sendable {
        private let value = Atomic(false)

        var isReached: Bool { value.load(ordering: .relaxed) }
        func reach() { value.store(true, ordering: .relaxed) }
    }

    /// An engine whose passes and waits are short.
    private func fixture(_ redis: RedisClient, capacity: Int64 = 10, perUser: Int64 = 4, _ change: (inout QueueLimits) -> Void = { _ in }) -> Fixture
    {
        var fixture = Fixture(redis, capacity: capacity, perUser: perUser)
        var limits = QueueLimits()
        change(&limits)
        fixture.engine = BookingEngine(redis: redis, queueLimits: limits)
        return fixture
    }

    @Test func noMoreThanTheFreePlacesAreAdmittedAndAPassThatRanOutFreesItsPlace() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis, capacity: 3) { $0.pass = .milliseconds(400) }
            try await fixture.open()
            let users = try await fixture.joined(8)
            let first = try await fixture.round()
            #expect(
                first.admitted == 3 && first.waiting == 5 && first.passes == 3
                    && first.told.map(\.type) == [.queueAdmitted, .queueAdmitted, .queueAdmitted])
            #expect(Array(try await fixture.statuses(users).prefix(4)) == [.admitted, .admitted, .admitted, .waiting])
            let entry = try await fixture.entry(users[0])
            #expect(entry.passExpiresAt.map { $0.ms - entry.updatedAt.ms } == 400)
            #expect(try await fixture.reserve(users[0], pass: entry.id).reservation != nil)
            let late = try await fixture.entry(users[1])
            // One place is held, the two others come back.
            let second = try await fixture.round()
            #expect(second.admitted == 2 && second.passes == 2)
            #expect(Array(try await fixture.statuses(users).prefix(6)) == [.used, .lapsed, .lapsed, .admitted, .admitted, .waiting])
            #expect(try await fixture.reserve(users[1], pass: late.id) == .queueRequired(.expired))
            // A hold that ends gives its place to the next as well.
            let booking = try #require(
                try await fixture.engine.redis.send(RedisCommand("ZRANGE", Keys.due(fixture.shard), "0", "-1")).elements?.first?.text)
            _ = try await fixture.release(try #require(BookingID(booking)), .cancelled)
            #expect(try await fixture.round().admitted == 3)
            // Whose pass ran out may join anew, behind the others.
            #expect(try await fixture.join(users[1]).entry?.position == 1)
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [])
        }
    }

    @Test func aReserveNeedsAPassAndUsesIt() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis, capacity: 20)
            try await fixture.open()
            let users = try await fixture.joined(3)
            #expect(try await fixture.reserve(users[0], pass: nil) == .queueRequired(.missing))
            let waiting = try await fixture.entry(users[0])
            #expect(try await fixture.reserve(users[0], pass: waiting.id) == .queueRequired(.revoked))
            _ = try await fixture.round()
            // Refusals of other kinds leave the pass, and with it no rate is counted.
            for _ in 0..<15 { #expect(try await fixture.reserve(users[0], pass: waiting.id, quantity: 5) == .overLimit(limit: 4, alreadyHeld: 0)) }
            let other = try await fixture.entry(users[1])
            #expect(try await fixture.reserve(users[0], pass: other.id) == .queueRequired(.revoked))
            #expect(try await fixture.reserve(users[0], pass: waiting.id, quantity: 2).reservation != nil)
            #expect(try await fixture.reserve(users[0], pass: waiting.id) == .queueRequired(.used))
            #expect(try await fixture.entry(users[0]).status == .used)
            #expect(try await fixture.queueEvents().last.map { if case .place(let place) = $0 { place.status == .used } else { false } } == true)
            _ = try await fixture.engine.leaveQueue(event: fixture.settings.event, user: users[1])
            #expect(try await fixture.reserve(users[1], pass: other.id) == .queueRequired(.revoked))
            #expect(try await fixture.counts()?.held == 2)
            _ = try await fixture.engine.setQueueMode(event: fixture.settings.event, mode: .off, actor: "test")
            #expect(try await fixture.reserve(users[1], pass: nil).reservation != nil)
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [])
        }
    }

    @Test func everybodyIsToldWhenTheEventSellsOutOrTheLineIsSwitchedOff() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis, capacity: 1)
            try await fixture.open()
            let users = try await fixture.joined(1200)
            _ = try await fixture.round()
            // All is held, and may come back.
            #expect(try await fixture.reserve(users[0], pass: try await fixture.entry(users[0]).id).reservation != nil)
            #expect(try await fixture.round().waiting == 1199)
            _ = try await redis.send(RedisCommand("HSET", Keys.zone(fixture.settings.zone, fixture.shard), "held", "0", "sold", "1"))
            let first = try await fixture.admit()
            #expect(first.hasMore && first.told.count == 500)
            #expect(try await fixture.round().waiting == 0)
            let told = try await fixture.statuses(users)
            #expect(told.first == .used && told.dropFirst().allSatisfy { $0 == .soldOut })
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [])
        }
        try await TestRedis.with { redis in
            let fixture = fixture(redis, capacity: 2)
            try await fixture.open()
            let users = try await fixture.joined(5)
            _ = try await fixture.round()
            _ = try await fixture.engine.setQueueMode(event: fixture.settings.event, mode: .off, actor: "test")
            #expect(try await fixture.admit().told.count == 5)
            #expect(try await fixture.admit().isOver)
            #expect(try await fixture.statuses(users).allSatisfy { $0 == .ended })
            #expect(try await fixture.engine.lines(Shard.all) == [])
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [])
        }
    }

    @Test func aLineIsSwitchedOnByTheRateOfReservesAndOffWhenItIsEmpty() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis) {
                $0.automaticRate = 1000
                $0.automaticOffAfter = .milliseconds(1500)
            }
            _ = try await fixture.load()
            let event = fixture.settings.event
            let begun = ContinuousClock.now
            var line: QueueLine?
            while ContinuousClock.now - begun < .seconds(15) {
                try await fixture.engine.reportArrivals([event: 2000])
                _ = try await fixture.admit()
                line = try await fixture.engine.queueLine(event)
                if line?.mode == .fifo { break }
                try await Task.sleep(for: .seconds(1))
            }
            #expect(line?.mode == .fifo && line?.origin == .automatic)
            #expect(ContinuousClock.now - begun >= .seconds(4))
            #expect(try await fixture.reserve(Fixture.id(), pass: nil) == .queueRequired(.missing))
            // As long as somebody waits or has a pass it stays.
            let user = try await fixture.joined(1)[0]
            _ = try await fixture.round()
            try await Task.sleep(for: .milliseconds(1600))
            _ = try await fixture.admit()
            #expect(try await fixture.engine.queueLine(event)?.mode == .fifo)
            #expect(try await fixture.reserve(user, pass: try await fixture.entry(user).id).reservation != nil)
            _ = try await fixture.admit()
            try await Task.sleep(for: .milliseconds(1600))
            _ = try await fixture.admit()
            #expect(try await fixture.engine.queueLine(event)?.mode == .off)
            // What an operator chose stays.
            _ = try await fixture.engine.setQueueMode(event: event, mode: .off, actor: "test")
            for _ in 0..<7 {
                try await fixture.engine.reportArrivals([event: 5000])
                _ = try await fixture.admit()
                try await Task.sleep(for: .seconds(1))
            }
            #expect(try await fixture.engine.queueLine(event)?.mode == .off)
        }
    }

    @Test func twoWorkersAndManyPeopleAtOnceNeverAdmitOneTwiceNorMoreThanThePlaces() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis, capacity: 230)
            try await fixture.open()
            let users: [UserID] = (0..<600).map { _ in Fixture.id() }
            let end = End()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        while !end.isReached { _ = try await fixture.admit() }
                    }
                }
                for share in stride(from: 0, to: users.count, by: 100) {
                    group.addTask {
                        for user in users[share..<share + 100] { try await fixture.join(user) }
                    }
                }
                group.addTask {
                    let limit = ContinuousClock.now + .seconds(20)
                    while ContinuousClock.now < limit {
                        let entries = try await fixture.engine.queueEntries(event: fixture.settings.event, users: users)
                        for entry in entries.compactMap({ $0 }) where entry.status == .admitted {
                            // Two tabs with one pass.
                            async let first = fixture.reserve(entry.user, pass: entry.id)
                            async let second = fixture.reserve(entry.user, pass: entry.id)
                            let outcomes = try await [first, second]
                            if outcomes.count(where: { $0.reservation != nil }) != 1 { Issue.record("\(outcomes)") }
                        }
                        if try await fixture.counts()?.available == 0 { break }
                        try await Task.sleep(for: .milliseconds(50))
                    }
                    end.reach()
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.counts()?.held == 230)
            let admitted = try await fixture.queueEvents().compactMap { event -> QueuePlace? in
                if case .place(let place) = event, place.status == .admitted { place } else { nil }
            }
            #expect(admitted.count == 230 && Set(admitted.map(\.user)).count == 230)
            #expect(admitted.map(\.number) == (1...230).map { Int64($0) }, "in the order of the line")
            let moments = Dictionary(grouping: admitted, by: \.updatedAt.ms).mapValues(\.count).sorted { $0.key < $1.key }
            for (moment, _) in moments {
                #expect(moments.filter { $0.key >= moment && $0.key < moment + 1000 }.reduce(0) { $0 + $1.value } <= 100)
            }
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [])
        }
    }

    @Test func aClockThatGoesBackDoesNotHoldTheLineUp() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis) { $0.batch = 2 }
            try await fixture.open()
            let event = fixture.settings.event
            let users = try await fixture.joined(6)
            #expect(try await fixture.admit().admitted == 2)
            // As though that round had been by a clock that was an hour ahead of the one of now.
            let ahead = BookingEngine.wallClockMs() + 3_600_000
            _ = try await redis.send(RedisCommand("HSET", Keys.queue(event, fixture.shard), "released", "\(ahead)"))
            // In one write, so that no second goes by between the two rounds.
            let reports = try await fixture.engine.admit([event, event])
            let (first, second) = (try reports[0].get(), try reports[1].get())
            #expect(first.admitted == 2 && first.waiting == 2 && first.passes == 4)
            // The seconds are counted by the clock of now again.
            #expect(second.admitted == 0 && second.next > .zero && second.next <= .seconds(1), "\(second.next)")
            #expect(try await fixture.statuses(users) == [.admitted, .admitted, .admitted, .admitted, .waiting, .waiting])
        }
    }

    @Test func whatALineMeasuredBeforeTheClockWentBackIsMeasuredAnew() async throws {
        try await TestRedis.with { redis in
            let fixture = fixture(redis, capacity: 2) { $0.automaticOffAfter = .milliseconds(1) }
            try await fixture.open()
            let (event, key) = (fixture.settings.event, Keys.queue(fixture.settings.event, fixture.shard))
            let users = try await fixture.joined(3)
            #expect(try await fixture.admit().admitted == 2)
            let ahead = "\(BookingEngine.wallClockMs() + 3_600_000)"
            // How fast places come back; the second of the round before is over.
            _ = try await redis.send(RedisCommand("HSET", key, "short_since", ahead, "short_at", ahead, "rate", "9", "released", "0"))
            _ = try await fixture.admit()
            let begun = try await redis.send(RedisCommand("HMGET", key, "short_since", "short_at", "rate")).elements ?? []
            let now = BookingEngine.wallClockMs()
            #expect(begun.count == 3 && begun[0].int ?? .max <= now && begun[1].int ?? .max <= now && begun[2].text == "0", "\(begun)")
            // How long nobody came.
            for user in users { _ = try await fixture.engine.leaveQueue(event: event, user: user) }
            _ = try await redis.send(RedisCommand("HSET", key, "origin", "automatic", "idle_since", ahead))
            let limit = ContinuousClock.now + .seconds(5)
            while try await fixture.engine.queueLine(event)?.mode == .fifo, ContinuousClock.now < limit { _ = try await fixture.admit() }
            #expect(try await fixture.engine.queueLine(event)?.mode == .off)
        }
    }

    @Test func theEstimatedWaitIsWithinAThirdOfTheTruth() async throws {
        try await TestRedis.with { redis in
            // 40 places, then one comes back every 50 ms.
            let fixture = fixture(redis, capacity: 40) { $0.batch = 40 }
            try await fixture.open()
            let users = try await fixture.joined(200)
            var held: [BookingID] = []
            var asked: [UserID: (at: ContinuousClock.Instant, seconds: Int64)] = [:]
            var errors: [Double] = []
            let begun = ContinuousClock.now
            var turn = begun
            while ContinuousClock.now - begun < .seconds(12) {
                if turn <= .now {
                    turn = .now + .seconds(1)
                    _ = try await fixture.admit()
                    for entry in try await fixture.engine.queueEntries(event: fixture.settings.event, users: users).compactMap({ $0 }) {
                        if entry.status == .admitted, case .reserved(let reservation, _) = try await fixture.reserve(entry.user, pass: entry.id) {
                            held.append(reservation.booking)
                        }
                        if let ask = asked[entry.user], entry.status != .waiting {
                            let truth = (ContinuousClock.now - ask.at) / .seconds(1)
                            errors.append(abs(Double(ask.seconds) - truth) / truth)
                            asked[entry.user] = nil
                        }
                        let elapsed = ContinuousClock.now - begun
                        if entry.status == .waiting, asked[entry.user] == nil, (.seconds(5)..<(.seconds(6))).contains(elapsed),
                            let seconds = entry.estimatedWaitSeconds, (3...6).contains(seconds)
                        {
                            asked[entry.user] = (.now, seconds)
                        }
                    }
                }
                if !held.isEmpty { _ = try await fixture.release(held.removeFirst(), .cancelled) }
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(errors.count > 20)
            let sorted = errors.sorted()
            #expect(sorted.isEmpty || sorted[sorted.count * 9 / 10] < 0.34, "\(sorted.suffix(5))")
        }
    }
}
