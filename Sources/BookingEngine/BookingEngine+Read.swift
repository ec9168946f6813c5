public import Domain
import RedisClient

extension BookingEngine {
    /// Reads bookings from Redis in one write, `nil` where it has none.
    public func bookings(_ ids: [(BookingID, Shard)]) async throws(EngineError) -> [Booking?] {
        if ids.isEmpty { return [] }
        let replies = try await pipeline(
            "read booking",
            ids.map { id, shard in
                RedisCommand(
                    "HMGET", Keys.hold(id, shard), "fragment", "status", "version", "due", "updated", "pay", "paystate", "tries", "reason", "used")
            })
        var bookings: [Booking?] = []
        for reply in replies { bookings.append(try Self.booking(reply)) }
        if bookings.contains(where: { $0 == nil }) { try await requireMemory("read booking") }
        return bookings
    }

    /// Reads one booking from Redis.
    public func booking(_ id: BookingID) async throws(EngineError) -> Booking? {
        guard let shard = id.shard else { return nil }
        return try await bookings([(id, shard)])[0]
    }

    private static func booking(_ reply: RedisReply) throws(EngineError) -> Booking? {
        guard let fields = reply.elements, fields.count == 10, let fragment = fields[0].bytes else { return nil }
        guard let status = fields[1].text, let version = fields[2].text, let due = fields[3].text, let updated = fields[4].text else {
            throw .unexpected("read booking", reply)
        }
        var json = Array("{".utf8)
        json += fragment
        json += ",\"status\":\"\(status)\",\"version\":\(version),\"expires_at_ms\":\(due),\"updated_at_ms\":\(updated)".utf8
        if let payment = fields[5].text, let state = fields[6].text { json += ",\"payment_id\":\"\(payment)\",\"payment_state\":\"\(state)\"".utf8 }
        if let declines = fields[7].text { json += ",\"declines\":\(declines)".utf8 }
        if let reason = fields[8].text { json += ",\"reason\":\"\(reason)\"".utf8 }
        if let used = fields[9].bytes { json += ",\"used\":".utf8 + used }
        json += "}".utf8
        var reader = JSONReader(json)
        do {
            return try Booking(&reader) { (_, _) throws(JSONError) in false }
        } catch {
            throw EngineError(.unexpectedReply, operation: "read booking", message: error.description)
        }
    }

    /// The ids of the bookings that a user made within the time for which idempotency records count, newest first, at most `limit` from each shard.
    public func recentBookings(of user: UserID, limit: Int) async throws(EngineError) -> [(BookingID, Shard)] {
        let replies = try await pipeline("recent bookings", Shard.all.map { RedisCommand("HGETALL", Keys.user(user, $0)) })
        let oldest = Self.wallClockMs() - limits.idempotencyKept.inMilliseconds
        return zip(Shard.all, replies).flatMap { shard, reply in
            let fields = reply.elements ?? []
            let bookings = stride(from: 0, to: fields.count - 1, by: 2).compactMap { index -> BookingID? in
                // i:KEY = hash|since|booking|…
                guard let name = fields[index].bytes, name.starts(with: "i:".utf8), let record = fields[index + 1].text else { return nil }
                let parts = record.split(separator: "|", maxSplits: 3)
                guard parts.count == 4, let since = Int64(parts[1]), since > oldest else { return nil }
                return BookingID(parts[2])
            }
            return bookings.sorted { $1.bits < $0.bits }.prefix(limit).map { ($0, shard) }
        }
    }

    /// A zone's counts, `nil` where Redis has none.
    public func zoneCounts(_ zones: [(ZoneID, Shard)]) async throws(EngineError) -> [ZoneCounts?] {
        if zones.isEmpty { return [] }
        let replies = try await pipeline(
            "read zones",
            zones.map { zone, shard in
                RedisCommand("HMGET", Keys.zone(zone, shard), "capacity", "available", "held", "sold", "version")
            })
        return replies.map { reply in
            let numbers = (reply.elements ?? []).compactMap(\.int)
            guard numbers.count == 5 else { return nil }
            return ZoneCounts(capacity: numbers[0], available: numbers[1], held: numbers[2], sold: numbers[3], version: numbers[4])
        }
    }

    /// A numbered zone's seats, one byte each: `f`ree, `h`eld, `s`old.
    public func seatMap(_ zone: ZoneID, _ shard: Shard) async throws(EngineError) -> [UInt8] {
        try await pipeline("seat map", [RedisCommand("GET", Keys.seats(zone, shard))])[0].bytes ?? []
    }
}
