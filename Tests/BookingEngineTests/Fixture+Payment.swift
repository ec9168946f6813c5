import Domain
import Logging
import RedisClient
import Testing

@testable import BookingEngine

extension TestRedis {
    /// A second connection to the same server.
    static func another(_ redis: RedisClient) async throws -> RedisClient {
        let port = try #require(try await redis.send(RedisCommand("CONFIG", "GET", "port")).elements?.last?.text)
        let client = RedisClient(configuration: try RedisConfiguration(url: "redis://127.0.0.1:\(port)"), logger: Logger(label: "test"))
        try client.start()
        return client
    }
}

extension ReserveLimits {
    /// For users who reserve more often than people do.
    static var unhurried: ReserveLimits {
        var limits = ReserveLimits()
        limits.burst = 1_000_000
        return limits
    }
}

/// What tests of payments ask for again and again.
extension Fixture {
    func newPayment() -> PaymentID { .make(nowMs: BookingEngine.wallClockMs(), shard: shard) }
    func newOperation() -> OperationID { .make(nowMs: BookingEngine.wallClockMs(), shard: shard) }

    /// A hold of one or more seats.
    func hold(_ user: UserID, quantity: Int = 1, seats: [SeatID] = []) async throws -> BookingID {
        try #require(try await reserve(user, quantity: quantity, seats: seats).reservation?.booking)
    }

    func begin(
        _ booking: BookingID, _ user: UserID, payment: PaymentID? = nil, method: PaymentMethod = .card, operation: OperationID? = nil,
        idempotency: BookingEngine.Idempotency? = nil
    ) async throws -> PaymentStartOutcome {
        try await engine.beginPayment(
            .init(
                payment: payment ?? newPayment(), booking: booking, shard: shard, user: user, method: method, token: "tok_visa",
                operation: operation, idempotency: idempotency, trace: "00-trace"))
    }

    /// A payment that is open.
    func open(_ booking: BookingID, _ user: UserID, method: PaymentMethod = .card) async throws -> Payment {
        guard case .begun(let payment, _, _) = try await begin(booking, user, method: method) else { throw Refused() }
        return payment
    }

    struct Refused: Error {}

    func confirm(_ payment: Payment) async throws -> ConfirmOutcome {
        try await engine.confirm([.init(payment: payment.stepped(to: .success, at: .now), trace: "")])[0].get()
    }

    func end(_ payment: Payment, _ status: PaymentStatus, reason: BookingReason? = nil) async throws -> PaymentEndOutcome {
        try await engine.endPayments([
            .init(payment: payment.stepped(to: status, errorCode: "card_declined", at: .now), reason: reason, trace: "")
        ])[0].get()
    }

    func release(_ booking: BookingID, _ status: BookingStatus, by: String, reason: BookingReason? = nil) async throws -> ReleaseOutcome {
        try await engine.release([.init(booking: booking, shard: shard, status: status, by: by, reason: reason)])[0].get()
    }

    func booking(_ id: BookingID) async throws -> Booking { try #require(try await engine.booking(id)) }

    func map() async throws -> String { String(decoding: try await engine.seatMap(settings.zone, shard), as: UTF8.self) }

    /// The tickets that count against a user's limit.
    func tickets(_ user: UserID) async throws -> Int64? {
        try await engine.redis.send(RedisCommand("HGET", Keys.user(user, shard), "n:\(settings.event)")).int
    }

    /// Makes a hold past due, as if its time had gone by.
    func makeDue(_ booking: BookingID) async throws {
        let past = String(BookingEngine.wallClockMs() - 1)
        _ = try await engine.redis.pipeline([
            RedisCommand("HSET", Keys.hold(booking, shard), "due", past),
            RedisCommand("ZADD", Keys.due(shard), past, booking.description),
        ])
    }

    func timeToLive(_ key: String) async throws -> Int64 { try #require(try await engine.redis.send(RedisCommand("PTTL", key)).int) }

    func dueScore(_ booking: BookingID) async throws -> Int64? {
        try await engine.redis.send(RedisCommand("ZSCORE", Keys.due(shard), booking.description)).int
    }

    /// Invariant 1, and that the newest event of the outbox for each booking is what Redis says of it.
    func checkBooks(_ bookings: [BookingID], _ comment: Comment? = nil, _ location: SourceLocation = #_sourceLocation) async throws {
        let counts = try #require(try await counts())
        #expect(counts.isConsistent, comment, sourceLocation: location)
        var newest: [BookingID: BookingEvent] = [:]
        for entry in try await outbox() where entry.type.rawValue.hasPrefix("booking.") && entry.type != .bookingCancel {
            let event = try BookingEvent(json: entry.value)
            #expect(event.zone.version <= counts.version, comment, sourceLocation: location)
            if event.zone.version == counts.version { #expect(event.zone == counts, comment, sourceLocation: location) }
            #expect(entry.version == "\(event.booking.version)", comment, sourceLocation: location)
            if event.booking.version > newest[event.booking.id]?.booking.version ?? 0 { newest[event.booking.id] = event }
        }
        for id in bookings {
            let stands = try await booking(id)
            #expect(newest[id]?.booking == stands, comment, sourceLocation: location)
        }
    }

    /// Everything that was written to the shard's outbox, oldest first.
    func outbox() async throws -> [OutboxEntry] {
        let reply = try await engine.redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", "+"))
        return (reply.elements ?? []).compactMap { OutboxEntry($0, shard: shard) }
    }
}
