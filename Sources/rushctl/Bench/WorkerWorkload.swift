import BookingEngine
import Domain
import KafkaClient
import LocalStack
import RedisClient
import Topics

/// Fills the topics for the workers' bench by the product's own scripts.
struct WorkerWorkload: Sendable {
    /// A booking to work on.
    struct Booked: Sendable {
        let booking: BookingID
        let user: UserID
    }

    /// Script calls under way at a time.
    private static let width = 256

    private let event: Seeder.Report.Event
    private let shard: Shard
    private let engine: BookingEngine
    private let producer: KafkaProducer
    private let redis: RedisClient

    static func with<Result: Sendable>(
        _ installation: Installation, _ event: Seeder.Report.Event, _ body: (WorkerWorkload) async throws -> Result
    ) async throws -> Result {
        let producer = try KafkaProducer(
            configuration: KafkaProducerConfiguration(
                bootstrapServers: installation.stack.endpoints.kafkaBootstrapServers, clientID: "rushctl-bench"), logger: Connections.logger)
        do {
            let result = try await Connections.redis(installation.settings) { redis in
                guard let id = EventID(event.eventID) else { throw Failure(description: "no event") }
                return try await body(
                    WorkerWorkload(event: event, shard: Shard(of: id), engine: BookingEngine(redis: redis), producer: producer, redis: redis))
            }
            await producer.shutdown(flush: .seconds(10))
            return result
        } catch {
            await producer.shutdown(flush: .zero)
            throw error
        }
    }

    /// Reserves one ticket each for new users; the events are on the topic when it returns.
    func reserve(_ count: Int) async throws -> [Booked] {
        let request = try ReserveRequest(
            json: Array(
                #"{"event_id":"\#(event.eventID)","show_id":"\#(event.shows[0].showID)","zone_id":"\#(event.shows[0].zones[0].zoneID)","quantity":1}"#
                    .utf8))
        return try await inParallel(count) { number in
            let context = BookingEngine.ReserveContext(
                user: Token.newUser(), idempotencyKey: "bench-\(number)", bodyHash: "bench", trace: "", age: nil)
            let booking = BookingID.make(nowMs: BookingEngine.wallClockMs(), shard: shard)
            let outcome = try await withCheckedThrowingContinuation { continuation in
                engine.reserve(request, context, booking: booking) { continuation.resume(with: $0.map(\.outcome)) }
            }
            guard case .reserved(_, let entry?) = outcome else { throw Failure(description: "a reserve came to \(outcome)") }
            return (Booked(booking: booking, user: context.user), [entry])
        }
    }

    /// Begins a payment of each; the charges are on the topic when it returns.
    func beginPayments(_ bookings: ArraySlice<Booked>) async throws {
        let _: [Void] = try await inParallel(bookings.count) { number in
            let booked = bookings[bookings.startIndex + number]
            let now = BookingEngine.wallClockMs()
            let outcome = try await engine.beginPayment(
                .init(
                    payment: .make(nowMs: now, shard: shard), booking: booked.booking, shard: shard, user: booked.user, method: .card,
                    token: "pm_card_visa", operation: .make(nowMs: now, shard: shard), idempotency: nil, trace: ""))
            guard case .begun(_, _, let entries) = outcome else { throw Failure(description: "a payment came to \(outcome)") }
            return ((), entries)
        }
    }

    /// Accepts a cancel of each; the commands are on the topic when it returns.
    func acceptCancels(_ bookings: ArraySlice<Booked>) async throws {
        let _: [Void] = try await inParallel(bookings.count) { number in
            let booked = bookings[bookings.startIndex + number]
            guard let booking = try await engine.booking(booked.booking) else { throw Failure(description: "a booking is not there") }
            let command = CancelCommand(
                operation: .make(nowMs: BookingEngine.wallClockMs(), shard: shard), booking: booked.booking, user: booked.user, tenant: booking.tenant
            )
            let outcome = try await engine.acceptCancel(command, shard: shard, idempotencyKey: nil, bodyHash: "", trace: "")
            guard case .accepted(_, let entry?) = outcome else { throw Failure(description: "a cancel came to \(outcome)") }
            return ((), [entry])
        }
    }

    /// Does `count` things, some at a time; what they leave in the outbox is produced and deleted.
    private func inParallel<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) async throws -> (Result, [OutboxEntry])
    ) async throws -> [Result] {
        var results: [Result] = []
        results.reserveCapacity(count)
        for start in stride(from: 0, to: count, by: 20_000) {
            var entries: [OutboxEntry] = []
            let end = min(count, start + 20_000)
            try await withThrowingTaskGroup(of: (Result, [OutboxEntry]).self) { group in
                var next = start
                while next < min(end, start + Self.width) {
                    let number = next
                    group.addTask { try await body(number) }
                    next += 1
                }
                while let (result, left) = try await group.next() {
                    results.append(result)
                    entries += left
                    if next < end {
                        let number = next
                        group.addTask { try await body(number) }
                        next += 1
                    }
                }
            }
            for result in await producer.send(entries.map(\.record)) { _ = try result.get() }
            // Else the sweeper of expiry would send them once more.
            _ = try await redis.send(RedisCommand("DEL", Keys.outbox(shard)))
        }
        return results
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
