import Domain
import Foundation
import RedisClient

@testable import BookingEngine

/// One reserve of a test.
struct ReserveAsk: Sendable {
    var user: UserID = Fixture.id()
    var quantity = 1
    var seats: [SeatID] = []
    var key = UUID().uuidString
    var hash = "00"
    var age: Int64?
    var booking: BookingID?
}

/// Results that callbacks of other threads bring.
final class Answers: @unchecked Sendable {
    // Everything is guarded by the lock.
    private let lock = NSLock()
    private var results: [[BookingEngine.ReserveResult]]
    private let size: Int

    init(_ count: Int) {
        results = Array(repeating: [], count: count)
        size = count
    }

    func add(_ index: Int, _ result: BookingEngine.ReserveResult) { lock.withLock { results[index].append(result) } }

    var all: [[BookingEngine.ReserveResult]] { lock.withLock { results } }
    var count: Int { all.count { !$0.isEmpty } }

    /// Waits until each has an answer, ten seconds at most.
    func complete() async throws -> [[BookingEngine.ReserveResult]] {
        let deadline = ContinuousClock.now + .seconds(10)
        while deadline > .now, count < size { try await Task.sleep(for: .milliseconds(2)) }
        return all
    }
}

extension Fixture {
    func request(_ ask: ReserveAsk) throws -> (ReserveRequest, BookingEngine.ReserveContext, BookingID) {
        var fields = #""event_id":"\#(settings.event)","show_id":"\#(settings.show)","zone_id":"\#(settings.zone)""#
        fields += ask.seats.isEmpty ? #","quantity":\#(ask.quantity)"# : #","seat_ids":[\#(ask.seats.map { "\"\($0)\"" }.joined(separator: ","))]"#
        let context = BookingEngine.ReserveContext(
            user: ask.user, idempotencyKey: ask.key, bodyHash: ask.hash, trace: "00-ab", age: ask.age,
            origin: RequestOrigin(address: "::1", agent: "a \"b\"", requestID: ask.key))
        let booking = ask.booking ?? .make(nowMs: BookingEngine.wallClockMs(), shard: shard)
        return (try ReserveRequest(json: Array("{\(fields)}".utf8)), context, booking)
    }

    func batch(_ asks: [ReserveAsk], _ answers: Answers) throws -> ReserveBatch {
        let reserves = try asks.enumerated().map { index, ask in
            let (request, context, booking) = try request(ask)
            return PendingReserve(request, context, booking: booking) { answers.add(index, $0) }
        }
        return reserves.dropFirst().reduce(into: ReserveBatch(reserves[0])) { $0.append($1) }
    }

    /// Decides all in one call.
    func decide(_ asks: [ReserveAsk]) async throws -> [BookingEngine.ReserveResult] {
        let answers = Answers(asks.count)
        let batch = try batch(asks, answers)
        let command = batch.command(engine.limits)
        let result = await withUnsafeContinuation { continuation in
            engine.redis.evaluate(ReserveBatch.script, command) { continuation.resume(returning: $0) }
        }
        batch.answer(result)
        return answers.all.map { $0[0] }
    }

    /// Starts all through the engine, without waiting.
    func start(_ asks: [ReserveAsk]) throws -> Answers {
        let answers = Answers(asks.count)
        for (index, ask) in asks.enumerated() {
            let (request, context, booking) = try request(ask)
            engine.reserve(request, context, booking: booking) { answers.add(index, $0) }
        }
        return answers
    }

    /// What stands in Redis agrees with itself and with what callers were told: counts, holds, due times, events, users' tickets, seats.
    func disagreements(reserved: [BookingID]) async throws -> [String] {
        var found: [String] = []
        guard let counts = try await counts() else { return ["no zone"] }
        if !counts.isConsistent { found.append("counts \(counts)") }
        let redis = engine.redis
        let due = (try await redis.send(RedisCommand("ZRANGE", Keys.due(shard), "0", "-1")).elements ?? []).compactMap(\.text)
        if Set(due) != Set(reserved.map(\.description)) || due.count != reserved.count { found.append("due \(due.count), told \(reserved.count)") }
        let bookings = try await engine.bookings(reserved.map { ($0, shard) }).compactMap { $0 }
        if bookings.count != reserved.count { found.append("holds \(bookings.count), told \(reserved.count)") }
        let tickets = bookings.reduce(0) { $0 + $1.quantity }
        if tickets != counts.held { found.append("tickets \(tickets), held \(counts.held)") }
        for (user, theirs) in Dictionary(grouping: bookings, by: \.user) {
            let count = try await redis.send(RedisCommand("HGET", Keys.user(user, shard), "n:\(settings.event)")).int
            if count != theirs.reduce(0, { $0 + $1.quantity }) { found.append("a user's tickets \(count ?? -1)") }
        }
        let seats = bookings.flatMap(\.seats)
        if Set(seats).count != seats.count { found.append("a seat is held twice") }
        if !settings.seats.isEmpty {
            let map = try await engine.seatMap(settings.zone, shard)
            for (seat, state) in zip(settings.seats, map) where (state == UInt8(ascii: "h")) != seats.contains(seat) {
                found.append("a seat's state")
            }
        }
        let entries = (try await redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", "+")).elements ?? [])
            .compactMap { OutboxEntry($0, shard: shard) }
        let events = try entries.map { try BookingEvent(json: $0.value) }
        if events.map(\.booking.id.description).sorted() != due.sorted() { found.append("events \(events.count)") }
        for (before, after) in zip(events, events.dropFirst()) where after.zone.version != before.zone.version + 1 {
            found.append("zone versions \(before.zone.version), \(after.zone.version)")
        }
        if events.contains(where: { !$0.zone.isConsistent }) { found.append("an event's counts") }
        if let last = events.last, last.zone != counts { found.append("the last event's counts \(last.zone)") }
        return found
    }
}

extension BookingEngine.ReserveResult {
    var outcome: ReserveOutcome? { try? get().outcome }
    /// The booking that this answer says to be held now.
    var booking: BookingID? { if case .reserved(let reservation, _)? = outcome { reservation.booking } else { nil } }
}
