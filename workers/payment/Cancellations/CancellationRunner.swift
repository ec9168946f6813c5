import BookingEngine
import Domain
import Logging
import RedisClient
import WorkerRuntime

/// Gives everything back when an event is cancelled: closes its sale, ends its holds, and has every sale refunded through the queue.
///
/// PostgreSQL's list of bookings may be behind, so passes are made over it until Redis, which decides, counts no seat as held or sold.
struct CancellationRunner: Sendable {
    /// Bookings looked at with one query and one write to Redis.
    private static let page = 200
    /// Bookings looked at for one message; the clock goes on with the next.
    private static let maxBookings = 1_000

    let store: CancellationStore
    let refunds: RefundRunner
    let engine: BookingEngine
    let publish: @Sendable ([OutboxEntry]) -> Void
    let now: @Sendable () -> Timestamp
    let logger: Logger
    /// Called between any two effects; tests crash here.
    var checkpoint: @Sendable (StaticString) throws -> Void = { _ in }

    /// What came of some bookings.
    private struct Found {
        var released = 0
        var commands: [Derived] = []
        /// Whether any was there that is not given back yet.
        var isOpen = false
        /// Bookings whose refund the gateway refused for good, and their tickets.
        var refused: (bookings: Int64, tickets: Int64) = (0, 0)
    }

    /// Begins, or goes on.
    func handle(_ command: EventCancellation, for message: String, trace: String) async throws -> [Derived] {
        guard let cancellation = try await store.begin(command) else {
            return try await refuse(command, .notFound, "There is no such event.", message, trace)
        }
        guard cancellation.operation == command.operation else {
            return try await refuse(command, .invalidState, "The event is being cancelled already.", message, trace)
        }
        if cancellation.isDone { return try await tell(cancellation.event, trace) }
        try checkpoint("after the event was marked")
        let zones = try await close(command.event)
        try checkpoint("after the sale was closed")
        return try await pass(cancellation, zones, message, trace)
    }

    /// One pass, or a part of it.
    private func pass(
        _ cancellation: Cancellation, _ zones: [ZoneID], _ message: String, _ trace: String
    ) async throws -> [Derived] {
        var last = cancellation.lastBooking
        var found = Found()
        var seen = 0
        var isAtEnd = false
        while !isAtEnd, seen < Self.maxBookings {
            let page = try await store.bookings(of: cancellation.event, after: last, limit: Self.page)
            try await giveBack(page, cancellation, &found, trace)
            seen += page.count
            last = page.last?.id ?? last
            isAtEnd = page.count < Self.page
        }
        try checkpoint("after the pass")
        // Counts prove the end only together with a pass that began at the first booking and found nothing.
        if isAtEnd, cancellation.lastBooking == nil, !found.isOpen, try await isEmpty(zones, cancellation.event, but: found.refused.tickets) {
            var cancellation = cancellation
            cancellation.refused = found.refused.bookings
            let operation = cancellation.finishedOperation
            try await store.finish(
                cancellation,
                ending: Ending(
                    message: message, tenant: cancellation.tenant, operation: operation,
                    derived: [.operation(operation, tenant: cancellation.tenant, trace: trace)]))
            return try await tell(cancellation.event, trace, ended: operation)
        }
        try await store.progress(
            cancellation, last: isAtEnd ? nil : last, released: found.released, refunds: found.commands.count, wakesNow: !isAtEnd,
            ending: Ending(message: message, tenant: cancellation.tenant, operation: nil, derived: found.commands))
        return try await found.commands + tell(cancellation.event, trace)
    }

    /// Ends holds and collects what is to be refunded, by what Redis says of the bookings.
    private func giveBack(_ page: [ReportedBooking], _ cancellation: Cancellation, _ found: inout Found, _ trace: String) async throws {
        let known = page.compactMap { reported in reported.id.shard.map { (reported, shard: $0) } }
        let bookings = try await engine.bookings(known.map { ($0.0.id, $0.shard) })
        var releases: [BookingEngine.Release] = []
        for ((reported, shard), booking) in zip(known, bookings) {
            guard let booking else {
                found.isOpen = true
                continue
            }
            switch booking.status {
            case .reserved where booking.paymentState == .open:
                // Money may be moving: when it has, the booking is confirmed or ended, and the next pass sees which.
                found.isOpen = true
            case .reserved:
                found.isOpen = true
                releases.append(
                    .init(
                        booking: booking.id, shard: shard, status: .cancelled, by: cancellation.operation.description, reason: .eventCancelled,
                        trace: trace))
            case .confirmed where reported.isRefused && !reported.hasRefund:
                found.refused.bookings += 1
                found.refused.tickets += booking.quantity
            case .confirmed:
                found.isOpen = true
                guard !reported.hasRefund, let payment = booking.payment else { break }
                let command = RefundCommand(
                    refund: .ofCancellation(booking.id), payment: payment, booking: booking.id, user: booking.user, tenant: booking.tenant,
                    cause: .eventCancelled, requestedAt: now(), operation: nil)
                found.commands.append(.refund(command, trace: trace))
            case .cancelled, .expired, .refunded: break
            }
        }
        for result in try await engine.release(releases) {
            guard case .released(let entry) = try result.get() else { continue }
            publish([entry])
            found.released += 1
        }
    }

    /// Closes the sale of the event's zones in Redis.
    private func close(_ event: EventID) async throws -> [ZoneID] {
        let shard = Shard(of: event)
        let moment = now()
        let zones = try await store.zones(of: event, closing: moment)
        for (zone, counts) in zip(zones, try await engine.zoneCounts(zones.map { ($0.zone, shard) })) {
            // A zone that was never loaded sells nothing.
            guard counts != nil else { continue }
            let reply = try await engine.redis.send(RedisCommand("HGET", Keys.zone(zone.zone, shard), "closes"))
            if let closes = reply.int, closes <= moment.ms { continue }
            let outcome = try await engine.setZone(zone)
            guard case .set = outcome else {
                throw Failure(.retry, label: "zone_not_set", message: "a zone's sale could not be closed: \(outcome)")
            }
        }
        return zones.map(\.zone)
    }

    /// Whether nothing is held, and nothing sold but what could not be given back.
    private func isEmpty(_ zones: [ZoneID], _ event: EventID, but refused: Int64) async throws -> Bool {
        let counts = try await engine.zoneCounts(zones.map { ($0, Shard(of: event)) }).compactMap { $0 }
        return counts.allSatisfy { $0.held == 0 } && counts.reduce(0) { $0 + $1.sold } == refused
    }

    /// How the cancellation stands, and once it is done the end of its operation.
    private func tell(_ event: EventID, _ trace: String, ended operation: Operation? = nil) async throws -> [Derived] {
        guard let cancellation = try await store.cancellation(event) else { return [] }
        var derived: [Derived] = [.cancelledEvent(cancellation.state, trace: trace)]
        if cancellation.isDone {
            derived.append(.operation(operation ?? cancellation.finishedOperation, tenant: cancellation.tenant, trace: trace))
        }
        try await engine.show(derived)
        return derived
    }

    private func refuse(
        _ command: EventCancellation, _ code: ErrorCode, _ text: String, _ message: String, _ trace: String
    ) async throws -> [Derived] {
        let operation = Operation(
            id: command.operation, user: command.user, type: "event.cancel", resource: "/api/v1/events/\(command.event)"
        ).finished(error: (code, text))
        return try await refunds.refuse(operation, command.tenant, message, trace)
    }
}

extension RefundID {
    /// The refund of a booking whose event is cancelled: always the same, so that asking twice asks for one.
    static func ofCancellation(_ booking: BookingID) -> RefundID {
        // The variant's two bits and the shard stay.
        RefundID(UUIDBits(high: booking.bits.high, low: booking.bits.low ^ 0x2655_fa6d_1c8e_93b7))
    }
}
