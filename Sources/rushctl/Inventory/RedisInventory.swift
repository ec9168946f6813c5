import BookingEngine
import Domain
import RedisClient

/// Everything Redis knows of zones, holds and users, read with SCAN.
struct RedisInventory: Sendable {
    struct Zone: Sendable {
        var counts: ZoneCounts
        var event: EventID
        /// Empty for general admission.
        var map: [UInt8]
        var limit: Int64
    }

    struct Hold: Sendable {
        var booking: Booking
        /// Places in the zone's map.
        var seats: [Int]
    }

    var zones: [ZoneID: Zone] = [:]
    var holds: [BookingID: Hold] = [:]
    /// Tickets by user and event, as the user keys count them.
    var userCounts: [String: Int64] = [:]
    var due: [BookingID: Int64] = [:]
    var outbox: Int64 = 0

    /// Reads all of it, `batch` keys at a time.
    static func read(_ redis: RedisClient, batch: Int = 2000) async throws -> RedisInventory {
        var inventory = RedisInventory()
        let engine = BookingEngine(redis: redis)
        var cursor = "0"
        repeat {
            let reply = try await redis.send(RedisCommand("SCAN", cursor, "COUNT", String(batch)))
            guard let parts = reply.elements, parts.count == 2, let next = parts[0].text else { break }
            cursor = next
            let keys = (parts[1].elements ?? []).compactMap(\.text)
            try await inventory.readHolds(keys.filter { $0.hasPrefix("hold:") }, redis, engine)
            try await inventory.readZones(keys.filter { $0.hasPrefix("zone:") }, redis)
            try await inventory.readUsers(keys.filter { $0.hasPrefix("user:") }, redis)
        } while cursor != "0"
        for shard in Shard.all {
            let members = try await redis.send(RedisCommand("ZRANGE", Keys.due(shard), "0", "-1", "WITHSCORES")).elements ?? []
            for index in stride(from: 0, to: members.count - 1, by: 2) {
                if let id = members[index].text.flatMap({ BookingID($0) }), let score = members[index + 1].text.flatMap(Double.init) {
                    inventory.due[id] = Int64(score)
                }
            }
            inventory.outbox += try await redis.send(RedisCommand("XLEN", Keys.outbox(shard))).int ?? 0
        }
        return inventory
    }

    private static func lastPart(_ key: String) -> Substring { key.split(separator: ":").last ?? "" }

    private mutating func readHolds(_ keys: [String], _ redis: RedisClient, _ engine: BookingEngine) async throws {
        let ids = keys.compactMap { key in BookingID(Self.lastPart(key)).flatMap { id in id.shard.map { (id, $0) } } }
        if ids.isEmpty { return }
        let bookings = try await engine.bookings(ids)
        let seats = try await redis.pipeline(ids.map { RedisCommand("HGET", Keys.hold($0.0, $0.1), "seats") })
        for (booking, seats) in zip(bookings, seats) {
            guard let booking else { continue }
            holds[booking.id] = Hold(booking: booking, seats: (seats.text ?? "").split(separator: ",").compactMap { Int($0) })
        }
    }

    private mutating func readZones(_ keys: [String], _ redis: RedisClient) async throws {
        for key in keys {
            guard let id = ZoneID(Self.lastPart(key)) else { continue }
            let fields =
                try await redis.send(
                    RedisCommand("HMGET", key, "capacity", "available", "held", "sold", "version", "event", "limit")
                ).elements ?? []
            guard fields.count == 7, let event = fields[5].text.flatMap({ EventID($0) }) else { continue }
            let numbers = fields[..<5].compactMap(\.int)
            guard numbers.count == 5 else { continue }
            let map = try await redis.send(RedisCommand("GET", Keys.seats(id, Shard(of: event)))).bytes ?? []
            zones[id] = Zone(
                counts: ZoneCounts(capacity: numbers[0], available: numbers[1], held: numbers[2], sold: numbers[3], version: numbers[4]),
                event: event,
                map: map, limit: fields[6].int ?? 0)
        }
    }

    private mutating func readUsers(_ keys: [String], _ redis: RedisClient) async throws {
        if keys.isEmpty { return }
        let users = try await redis.pipeline(keys.map { RedisCommand("HGETALL", $0) })
        for (key, user) in zip(keys, users) {
            let fields = user.elements ?? []
            for index in stride(from: 0, to: fields.count - 1, by: 2) {
                guard let name = fields[index].text, name.hasPrefix("n:"), let count = fields[index + 1].int else { continue }
                userCounts["\(name.dropFirst(2)):\(Self.lastPart(key))"] = count
            }
        }
    }
}
