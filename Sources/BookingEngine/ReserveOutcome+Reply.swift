import Domain
import RedisClient

extension ReserveOutcome {
    /// Reads the part of `reserve.lua`'s reply that belongs to one reserve.
    static func read(_ reply: RedisReply, of asker: PendingReserve.Asker, shard: Shard, _ trust: Trust? = nil) -> BookingEngine.ReserveResult {
        let parts: [RedisReply]?
        do {
            parts = try reply.get(operation: "reserve").elements
        } catch {
            return .failure(.redis("reserve", error))
        }
        if let trust, parts?.first?.text == "untrusted" {
            trust.missed()
            return .failure(.untrusted("reserve"))
        }
        guard let parts, let name = parts.first?.text, let outcome = outcome(name, parts, of: asker, shard: shard) else {
            return .failure(.unexpected("reserve", reply))
        }
        let tokens = parts.count > 1 ? parts[1].int : nil
        return .success((outcome, tokens.flatMap { $0 < 0 ? nil : $0 }))
    }

    private static func outcome(_ name: String, _ parts: [RedisReply], of asker: PendingReserve.Asker, shard: Shard) -> ReserveOutcome? {
        func text(_ index: Int) -> String? { index < parts.count ? parts[index].text : nil }
        func bytes(_ index: Int) -> [UInt8]? { index < parts.count ? parts[index].bytes : nil }
        func number(_ index: Int) -> Int64? { index < parts.count ? parts[index].int : nil }
        switch name {
        case "reserved":
            guard let reservation = bytes(2).flatMap(Reservation.init(answer:)), let id = text(3), parts.count > 4, let value = parts[4].bytes else {
                return nil
            }
            let entry = OutboxEntry(
                id: id, shard: shard, type: .bookingCreated, key: asker.booking.description, version: String(reservation.version), trace: asker.trace,
                origin: asker.origin, value: value)
            return .reserved(reservation, entry)
        case "replayed":
            guard let reservation = bytes(2).flatMap(Reservation.init(answer:)) else { return nil }
            // Our own booking under our own key: the reply to the first call was lost, and this is its repetition.
            return reservation.booking == asker.booking ? .reserved(reservation, nil) : .replayed(reservation)
        case "key_reused": return .keyReused
        case "zone_missing", "zone_mismatch", "untrusted": return .zoneUnknown
        case "seats_required": return .seatsRequired
        case "seats_not_numbered": return .seatsNotNumbered
        case "sale_closed":
            guard let opens = number(2), let closes = number(3) else { return nil }
            return .saleClosed(opens: Timestamp(ms: opens), closes: Timestamp(ms: closes))
        case "outbox_full": return .outboxFull
        case "queue_required": return text(2).flatMap(QueuePassFault.init(rawValue:)).map { .queueRequired($0) }
        case "rate_limited": return number(2).map { .rateLimited(retryAfterMs: $0) }
        case "age_restricted": return number(2).map { .ageRestricted(minimum: $0) }
        case "over_limit":
            guard let limit = number(2), let count = number(3) else { return nil }
            return .overLimit(limit: limit, alreadyHeld: count)
        case "out_of_stock": return number(2).map { .outOfStock(available: $0) }
        case "seat_unknown": return text(2).map { .seatUnknown($0) }
        case "seat_taken": return text(2).map { .seatsTaken($0.split(separator: ",").map(String.init)) }
        default: return nil
        }
    }
}
