import BookingEngine
import Domain
import Foundation
import KafkaClient
import Logging
import PostgresClient
import RedisClient
import Synchronization
import Testing
import WorkerRuntime

@testable import PaymentWorker

/// One event with its stores, a gateway, and a payment worker without its topics.
final class BoxOffice: Sendable {
    let stores: TestStores
    let engine: BookingEngine
    let settings: ZoneSettings
    let gateway: any Gateway
    /// The fake, where the gateway is that.
    let fake: FakeGateway
    /// Everything that was told, in order: what the runtime would send.
    let told = Mutex<[OutgoingMessage]>([])
    /// What the clock sent.
    let woken = Mutex<[KafkaRecord]>([])
    /// How far the worker's clock is ahead.
    private let aheadMs = Mutex<Int64>(0)
    /// The checkpoint at which to crash, counted down; none when it is 0.
    private let crashIn = Mutex(0)
    private let offset = Mutex<Int64>(0)

    struct Crash: Error {}

    /// - Parameter gateway: a real one, in the place of the fake.
    init(capacity: Int64 = 100, priceMinor: Int64 = 1500, showInDays: Int64 = 30, gateway: (any Gateway)? = nil) async throws {
        stores = try await TestStores.shared.value
        var limits = ReserveLimits()
        limits.burst = 1_000_000
        engine = BookingEngine(redis: stores.redis, limits: limits)
        let starts = Timestamp(ms: BookingEngine.wallClockMs() + showInDays * 86_400_000 + 60_000)
        settings = ZoneSettings(
            zone: Self.id(), event: Self.id(), show: Self.id(), tenant: Self.id(), capacity: capacity, priceMinor: priceMinor, currency: "THB",
            maximumPerUser: 100, saleOpens: Timestamp(ms: 0), saleCloses: Timestamp(ms: starts.ms - 1000),
            showEnds: Timestamp(ms: starts.ms + 3_600_000), minimumAge: 0, allowsBankTransfer: true, seats: [])
        fake = FakeGateway()
        self.gateway = gateway ?? fake
        #expect(try await engine.setZone(settings) == .set(available: capacity))
        try await insertCatalogue(starts)
    }

    static func id<Kind>() -> Identifier<Kind> {
        let bits = UUIDBits.version7(nowMs: BookingEngine.wallClockMs(), shard: Shard(truncating: .random(in: 0...63)))
        return Identifier(bits)
    }

    var shard: Shard { Shard(of: settings.event) }
    func now() -> Timestamp { Timestamp(ms: BookingEngine.wallClockMs() + aheadMs.withLock { $0 }) }
    func advance(by duration: Duration) { aheadMs.withLock { $0 += duration.inMilliseconds } }

    /// A copy of the worker.
    var parts: PaymentParts {
        PaymentParts(
            database: stores.database, engine: engine, gateway: gateway, group: "payment", publish: { _ in },
            send: { [self] records in woken.withLock { $0 += records } }, now: { [self] in now() },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            checkpoint: { [self] _ in
                try crashIn.withLock { left in
                    guard left > 0 else { return }
                    left -= 1
                    if left == 0 { throw Crash() }
                }
            })
    }

    // MARK: What users do

    func reserve(_ user: UserID, quantity: Int = 1) async throws -> BookingID {
        let json = #"{"event_id":"\#(settings.event)","show_id":"\#(settings.show)","zone_id":"\#(settings.zone)","quantity":\#(quantity)}"#
        let request = try ReserveRequest(json: Array(json.utf8))
        let context = BookingEngine.ReserveContext(user: user, idempotencyKey: UUID().uuidString, bodyHash: "00", trace: "", age: nil)
        let outcome = try await withUnsafeContinuation { continuation in
            engine.reserve(request, context, booking: .make(nowMs: BookingEngine.wallClockMs(), shard: shard)) { continuation.resume(returning: $0) }
        }.get().outcome
        guard case .reserved(let reservation, _) = outcome else { throw Refused() }
        return reservation.booking
    }

    struct Refused: Error {}

    /// Begins a payment of a hold.
    func begin(
        _ booking: BookingID, _ user: UserID, token: FakeGateway.Token = .good, method: PaymentMethod = .card, named name: String? = nil
    ) async throws -> (payment: PaymentID, operation: OperationID, charge: KafkaRecord) {
        let nowMs = BookingEngine.wallClockMs()
        let (payment, operation) = (PaymentID.make(nowMs: nowMs, shard: shard), OperationID.make(nowMs: nowMs, shard: shard))
        let outcome = try await engine.beginPayment(
            .init(
                payment: payment, booking: booking, shard: shard, user: user, method: method, token: name ?? token.rawValue, operation: operation,
                idempotency: nil, trace: ""))
        guard case .begun(_, _, let entries) = outcome, entries.count == 2 else { throw Refused() }
        return (payment, operation, entries[1].record)
    }

    /// A hold with a payment begun.
    func order(
        _ token: FakeGateway.Token = .good, method: PaymentMethod = .card, quantity: Int = 1, user: UserID = BoxOffice.id(), named name: String? = nil
    ) async throws -> Order {
        let booking = try await reserve(user, quantity: quantity)
        let begun = try await begin(booking, user, token: token, method: method, named: name)
        return Order(user: user, booking: booking, payment: begun.payment, operation: begun.operation, charge: begun.charge)
    }

    struct Order: Sendable {
        let user: UserID
        let booking: BookingID
        let payment: PaymentID
        let operation: OperationID
        let charge: KafkaRecord
    }

    // MARK: The worker

    /// Delivers a record once.
    @discardableResult
    func deliver(_ record: KafkaRecord, to copy: PaymentParts? = nil) async throws -> MessageOutcome {
        let next = offset.withLock { offset in
            offset += 1
            return offset
        }
        let message = KafkaMessage(
            topic: record.topic, partition: 0, offset: next, key: record.key, value: record.value, headers: record.headers, timestampMs: 0)
        let outcome = try await (copy ?? parts).handler.handle(Delivery(message))
        if case .done(let derived) = outcome { told.withLock { $0 += derived } }
        return outcome
    }

    /// Delivers a record until it is handled, as a worker does that crashes at the n-th checkpoint of its first try.
    /// - Returns: whether it came so far.
    func deliver(_ record: KafkaRecord, crashingAt checkpoint: Int) async throws -> Bool {
        crashIn.withLock { $0 = checkpoint }
        do {
            try await deliver(record)
        } catch is Crash {
            try await deliver(record)
            return true
        }
        return crashIn.withLock { left in
            defer { left = 0 }
            return left == 0
        }
    }

    func webhook(_ order: Order, id: String = UUID().uuidString, payment: PaymentID? = nil) -> KafkaRecord {
        CloudEvent(
            type: .paymentWebhook, id: id, subject: order.booking.description, time: .now, trace: "",
            value: AdvanceCommand(payment: payment ?? order.payment, booking: order.booking).json
        ).record
    }

    /// Makes a hold past due and releases it, as the expiry worker does.
    func expire(_ booking: BookingID) async throws {
        let past = String(BookingEngine.wallClockMs() - 1)
        _ = try await stores.redis.pipeline([
            RedisCommand("HSET", Keys.hold(booking, shard), "due", past), RedisCommand("ZADD", Keys.due(shard), past, booking.description),
        ])
        let outcome = try await engine.release([.init(booking: booking, shard: shard, status: .expired)])[0].get()
        guard case .released = outcome else { throw Refused() }
    }
}
