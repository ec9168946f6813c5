import BookingEngine
import Domain
import RedisClient
import Testing

/// What frees must work when Redis is full; what takes must be refused whole.
@Suite(.serialized) struct OutOfMemoryTests {
    @Test func aFullRedisStillEndsWhatItHolds() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis, capacity: 20, perUser: 20)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            var open: [Payment] = []
            for _ in 0..<4 { open.append(try await fixture.open(try await fixture.hold(user), user)) }
            let plain = try await fixture.hold(user)
            let operation = fixture.newOperation()
            let cancel = CancelCommand(operation: operation, booking: plain, user: user, tenant: fixture.settings.tenant)
            _ = try await fixture.engine.acceptCancel(cancel, shard: fixture.shard, idempotencyKey: nil, bodyHash: "", trace: "")
            let bookings = open.map(\.booking) + [plain]
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "1"))

            // Without leases nobody sweeps, lets run out or recovers.
            let leases = Leases(purpose: "test", owner: "test", length: .seconds(60), redis: redis)
            #expect(try await leases.take(Array(Shard.all)) == Array(Shard.all))
            await #expect(throws: EngineError.self) { try await fixture.reserve(user) }
            let size = try await redis.send(RedisCommand("DBSIZE")).int
            let refusal = await #expect(throws: EngineError.self) { _ = try await fixture.begin(plain, user, operation: fixture.newOperation()) }
            #expect(refusal?.label == "server_oom")
            #expect(refusal?.disposition == .outage)
            #expect(try await redis.send(RedisCommand("DBSIZE")).int == size)
            #expect(try await fixture.booking(plain).payment == nil)

            guard case .confirmed = try await fixture.confirm(open[0]), case .ended(_, 1, .reserved) = try await fixture.end(open[1], .failed),
                case .released = try await fixture.release(open[1].booking, .cancelled, by: "\(open[1].id)", reason: .paymentFailed),
                case .released = try await fixture.release(open[0].booking, .refunded, by: "refund"),
                case .released = try await fixture.release(plain, .cancelled, operation: operation)
            else {
                Issue.record("not ended")
                return
            }
            try await fixture.engine.put([open[3].stepped(to: .processing, at: .now)])
            #expect(try await fixture.engine.payment(open[3].id)?.payment.status == .processing)
            try await fixture.engine.finish([
                Operation(id: operation, user: user, type: "booking.cancel", resource: "/").finished(error: nil)
            ])
            #expect(try await fixture.engine.operation(operation)?.status == .succeeded)
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
            try await fixture.checkBooks(bookings)
        }
    }
}
