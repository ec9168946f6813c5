import BookingEngine
import Domain
import Foundation
import RedisClient
import Testing

/// How fast bookings come back into an empty Redis; by hand: `RESTORE_BOOKINGS=1000000 swift test -c release --filter RestoreBench`.
@Suite struct RestoreBench {
    static let wanted = ProcessInfo.processInfo.environment["RESTORE_BOOKINGS"].flatMap { Int($0) }

    @Test(.enabled(if: wanted != nil), .timeLimit(.minutes(10))) func bookingsASecond() async throws {
        let (count, page) = (Self.wanted ?? 0, 20_000)
        try await TestRedis.with { redis in
            let shops = (0..<10).map { _ in Fixture(redis, capacity: Int64(count)) }
            for shop in shops { _ = try await shop.load() }
            let now = Timestamp.now
            let start = ContinuousClock.now
            for done in stride(from: 0, to: count, by: page) {
                let states = (0..<min(page, count - done)).map { index in
                    let settings = shops[index % shops.count].settings
                    return BookingState(
                        booking: Booking(
                            id: .make(nowMs: now.ms, shard: Shard(of: settings.event)), tenant: settings.tenant, event: settings.event,
                            show: settings.show, zone: settings.zone, user: Fixture.id(), quantity: 1, seats: [], unitPriceMinor: 1500,
                            totalMinor: 1500, currency: "THB", status: .reserved, version: 1, createdAt: now, expiresAt: now, updatedAt: now,
                            idempotencyKey: "\(done + index)", bodyHash: "00112233445566778899aabbccddeeff"))
                }
                let result = try await shops[0].engine.restore(states)
                #expect(result.restored == states.count)
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            print("\(count) bookings in \(seconds) s: \(Int(Double(count) / seconds)) a second")
        }
    }
}
