import BookingEngine
import Domain
import Foundation
import RedisClient
import Testing

/// Random lives of bookings: reserve, pay, decline, late money, cancel, expire, refund, a cancelled event, redelivery and crashes, through the real
/// scripts and Domain's state machines, compared with a model after every step and settled to the cent at the end.
///
/// `LIFECYCLE_SEEDS=5000` runs so many, `LIFECYCLE_FIRST_SEED=77` begins elsewhere, so that one seed runs again with `LIFECYCLE_SEEDS=1`; `LIFECYCLE_REPORT=1` prints what was
/// met how often.
@Suite(.serialized) struct LifecyclePropertyTests {
    /// Steps before everything is let come to its end.
    private static let steps = 120

    @Test(.timeLimit(.minutes(30))) func everyHistoryEndsWithItsSeatsAndItsMoneyInPlace() async throws {
        let (first, count) = (Self.setting("LIFECYCLE_FIRST_SEED") ?? 1, Self.setting("LIFECYCLE_SEEDS") ?? 150)
        var met: [String: Int] = [:]
        try await TestRedis.with { redis in
            // Nothing here is about the file.
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "appendonly", "no"))
            for seed in first..<(first + count) {
                let world = try await LifecycleWorld(redis, seed: UInt64(seed))
                do {
                    for _ in 0..<Self.steps {
                        try await world.step()
                        try await world.check()
                    }
                    try await world.drain()
                    try await world.checkTheEnd()
                } catch {
                    let history = world.history.suffix(40).joined(separator: "\n  ")
                    Issue.record("seed \(seed), after \(world.history.count) notes: \(error)\n  \(history)")
                    return
                }
                met.merge(world.met, uniquingKeysWith: +)
            }
        }
        if Self.setting("LIFECYCLE_REPORT") != nil { for (what, times) in met.sorted(by: { $0.key < $1.key }) { print("\(times)\t\(what)") } }
        // A history that never gets anywhere proves nothing.
        if count >= 100 { for what in Self.mustBeMet { #expect(met[what] ?? 0 > 0, "\(what) never happened") } }
    }

    private static let mustBeMet = [
        "confirm: confirmed", "confirm: confirmed_before", "confirm: ended expired", "end payment as failed: ended 3 reserved",
        "end payment as refunded: ended 0 expired", "release as cancelled: payment_open",
        "release as refunded: released_before", "saga compensating: givenBack", "refund event_cancelled: succeeded",
    ]

    private static func setting(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
}
