import Domain
import RedisClient
import Testing

@testable import BookingEngine

/// Random lives of a line, each from its seed.
@Suite(.serialized) struct QueueLifeTests {
    /// Steps of one life.
    private static let steps = 250

    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }

    /// Whatever people, operators and workers do: passes are never more than free places, nobody buys without one, and the events alone bring the
    /// line back as it was.
    @Test(arguments: 1...25) func whateverHappensTheEventsTellTheLineAndPassesAreNeverMoreThanThePlaces(seed: UInt64) async throws {
        try await TestRedis.with { redis in
            var dice = Dice(state: seed)
            var fixture = Fixture(redis, capacity: .random(in: 1...40, using: &dice))
            var limits = QueueLimits()
            limits.pass = .milliseconds(.random(in: 5...200, using: &dice))
            fixture.engine = BookingEngine(redis: redis, queueLimits: limits)
            let opensLater = Bool.random(using: &dice)
            if opensLater { fixture.settings.saleOpens = Timestamp(ms: BookingEngine.wallClockMs() + 100) }
            try await fixture.open([.fifo, .random].randomElement(using: &dice) ?? .fifo)
            let event = fixture.settings.event
            let users: [UserID] = (0..<Int.random(in: 2...60, using: &dice)).map { _ in Fixture.id() }
            var holds: [BookingID] = []
            for _ in 0..<Self.steps {
                let user = users.randomElement(using: &dice) ?? users[0]
                switch Int.random(in: 0..<100, using: &dice) {
                case 0..<40: try await fixture.join(user)
                case 40..<50: _ = try await fixture.engine.leaveQueue(event: event, user: user)
                case 50..<70:
                    let isOn = try await fixture.engine.queueLine(event)?.mode != .off
                    guard let entry = try await fixture.engine.queueEntry(event: event, user: user) else { continue }
                    let outcome = try await fixture.reserve(user, pass: entry.id)
                    if let booking = outcome.reservation?.booking {
                        if isOn { #expect(entry.status == .admitted, "bought while \(entry.status)") }
                        holds.append(booking)
                    }
                case 70..<75:
                    if let booking = holds.popLast() { _ = try await fixture.release(booking, .cancelled) }
                case 75..<95:
                    // Often the second is taken for over, so that there are more rounds.
                    if Bool.random(using: &dice) { _ = try await redis.send(RedisCommand("HDEL", Keys.queue(event, fixture.shard), "released")) }
                    let free = try await fixture.counts()?.available ?? 0
                    let report = try await fixture.admit()
                    #expect(report.admitted == 0 || report.passes <= free, "\(report.passes) passes for \(free) places")
                case 95..<97:
                    let mode = QueueMode.allCases.randomElement(using: &dice) ?? .fifo
                    _ = try await fixture.engine.setQueueMode(event: event, mode: mode, actor: "test")
                case 97: _ = try await redis.send(RedisCommand("INCR", Keys.epoch(fixture.shard)))
                default: try await Task.sleep(for: .milliseconds(10))
                }
            }
            // A draw that is due is done, and what ran out has lapsed.
            try await Task.sleep(for: .milliseconds(opensLater ? 110 : 1))
            while try await fixture.admit().hasMore {}
            try await Task.sleep(for: limits.pass)
            while try await fixture.admit().hasMore {}
            #expect(try await fixture.counts()?.isConsistent == true)
            let disagreements = try await fixture.lineDisagreements(users)
            #expect(disagreements == [], "seed \(seed)")
        }
    }
}
