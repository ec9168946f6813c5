import BookingEngine
import Domain
import RedisClient

/// All bookings that Redis has, read with SCAN: no snapshot, and one may come twice.
struct RedisBookings: Sendable {
    /// Keys looked at a time.
    private static let batch = 2_000

    let redis: RedisClient

    func forEach(_ body: ([Booking]) throws -> Void) async throws {
        let engine = BookingEngine(redis: redis)
        var cursor = "0"
        repeat {
            let reply = try await redis.send(RedisCommand("SCAN", cursor, "MATCH", "hold:*", "COUNT", String(Self.batch)))
            guard let parts = reply.elements, parts.count == 2, let next = parts[0].text else {
                throw RecoveryError(.unreadable, "Redis cannot be scanned")
            }
            cursor = next
            let ids = (parts[1].elements ?? []).compactMap(\.text).compactMap { key in
                key.split(separator: ":").last.flatMap { BookingID($0) }.flatMap { id in id.shard.map { (id, $0) } }
            }
            try body(try await engine.bookings(ids).compactMap { $0 })
        } while cursor != "0"
    }
}
