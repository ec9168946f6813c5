import BookingEngine
import Domain
import Logging
import RedisClient
import Testing

@Suite(.serialized) struct AcceptTests {
    private func command(_ booking: BookingID, _ user: UserID, _ fixture: Fixture) -> CancelCommand {
        CancelCommand(
            operation: .make(nowMs: BookingEngine.wallClockMs(), shard: fixture.shard), booking: booking, user: user, tenant: fixture.settings.tenant)
    }

    @Test func acceptsOnceAndReplays() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try #require(try await fixture.reserve(user).reservation?.booking)
            let first = command(booking, user, fixture)
            func accept(_ command: CancelCommand, key: String? = "k", hash: String = "00") async throws -> AcceptOutcome {
                try await fixture.engine.acceptCancel(command, shard: fixture.shard, idempotencyKey: key, bodyHash: hash, trace: "")
            }
            guard case .accepted(first.operation, let entry?) = try await accept(first) else {
                Issue.record("not accepted")
                return
            }
            #expect(try CancelCommand(json: entry.value) == first)
            #expect(try await accept(command(booking, user, fixture)) == .replayed(first.operation))
            #expect(try await accept(command(booking, user, fixture), hash: "11") == .keyReused)
            #expect(try await accept(command(booking, Fixture.id(), fixture), key: nil) == .notYours)
            #expect(try await accept(command(.make(nowMs: 1, shard: fixture.shard), user, fixture), key: nil) == .missing)
            #expect(try await fixture.engine.operation(first.operation)?.status == .pending)
            _ = try await fixture.release(booking, .cancelled, operation: first.operation)
            #expect(try await accept(command(booking, user, fixture), key: "other") == .wrongState(.cancelled))
            let operation = try #require(try await fixture.engine.operation(first.operation))
            try await fixture.engine.finish([operation.finished(error: nil)])
            #expect(try await fixture.engine.operation(first.operation)?.status == .succeeded)
        }
    }

    @Test func aCancelIsRefusedWhileAPaymentIsOpen() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            _ = try await fixture.load()
            let user: UserID = Fixture.id()
            let booking = try await fixture.hold(user)
            let payment = try await fixture.open(booking, user)
            func accept() async throws -> AcceptOutcome {
                try await fixture.engine.acceptCancel(
                    command(booking, user, fixture), shard: fixture.shard, idempotencyKey: nil, bodyHash: "00", trace: "")
            }
            #expect(try await accept() == .paymentOpen)
            _ = try await fixture.end(payment, .failed)
            guard case .accepted = try await accept() else {
                Issue.record("not accepted")
                return
            }
        }
    }

    @Test func aWriteThatIsAboutNoBookingIsAccepted() async throws {
        try await TestRedis.with { redis in
            let fixture = Fixture(redis)
            let cancellation = EventCancellation(
                operation: fixture.newOperation(), event: fixture.settings.event, user: Fixture.id(), tenant: fixture.settings.tenant)
            let acceptance = BookingEngine.Acceptance(
                operation: cancellation.operation, type: "event.cancel", resource: "/api/v1/events/\(cancellation.event)", user: cancellation.user,
                shard: fixture.shard, booking: nil, idempotency: .init(route: "event_cancel", key: "k", bodyHash: "00"),
                idempotencyResource: "\(cancellation.event)", message: .paymentRefundEvent, key: "\(cancellation.event)", value: cancellation.json,
                trace: "t")
            guard case .accepted(cancellation.operation, let entry?) = try await fixture.engine.accept(acceptance) else {
                Issue.record("not accepted")
                return
            }
            #expect(entry.type == .paymentRefundEvent)
            #expect(entry.key == "\(cancellation.event)")
            #expect(try await fixture.outbox() == [entry])
            // A second call is known by its operation.
            #expect(try await fixture.engine.accept(acceptance) == .accepted(cancellation.operation, nil))
            #expect(try await fixture.outbox().count == 1)
            #expect(try await fixture.engine.operation(cancellation.operation)?.type == "event.cancel")
        }
    }

    /// They are stored: the names are a contract.
    @Test func keysAreNamedAsTheArchitectureSays() throws {
        let user = try #require(UserID("01a1fbfe-71c5-743e-9c70-64cb55bfc146"))
        for shard in Shard.all {
            #expect(Keys.user(user, shard) == "user:{\(shard.number)}:\(user)")
        }
    }

    @Test func aLeaseHasOneHolder() async throws {
        try await TestRedis.with { redis in
            let one = Leases(purpose: "test", owner: "one", length: .seconds(60), redis: redis)
            let two = Leases(purpose: "test", owner: "two", length: .seconds(60), redis: redis)
            func take(_ leases: Leases) async throws -> [Shard] { try await leases.take(Shard.all) }
            let first = try await take(one)
            #expect(first == Shard.all)
            #expect(try await take(two).isEmpty)
            #expect(try await take(one) == Shard.all)
            await one.release()
            #expect(try await take(two) == Shard.all)
        }
    }

    @Test func tokensRunOutAndSayWhenTheyAreBack() async throws {
        try await TestRedis.with { redis in
            let engine = BookingEngine(redis: redis)
            func take(_ who: String) async throws -> (allowed: Bool, tokensLeft: Int64, retryAfterMs: Int64) {
                try await engine.takeToken(endpoint: "login", who: who, perMinute: 5, burst: 3)
            }
            for _ in 0..<3 { #expect(try await take("a").allowed) }
            let refused = try await take("a")
            #expect(!refused.allowed)
            #expect((1...12_000).contains(refused.retryAfterMs))
            #expect(try await take("b").allowed)
        }
    }
}
