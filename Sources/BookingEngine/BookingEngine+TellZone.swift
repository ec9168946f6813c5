public import Domain
import LuaScripts
import RedisClient

extension BookingEngine {
    /// Tells the counts of zones anew, each by the newest state that is known of one of its bookings: that is applied once, the counts are newer.
    /// - Parameter events: each with the zone's counts as they were told last.
    /// - Returns: the events that were written, to be published; none for a zone that Redis does not have.
    public func tellZones(by events: [BookingEvent]) async throws(EngineError) -> [OutboxEntry] {
        let calls = events.map { event in
            let shard = Shard(of: event.booking.event)
            return RedisScriptCall(
                keys: [Keys.zone(event.booking.zone, shard), Keys.outbox(shard), Keys.epoch(shard)],
                arguments: [
                    .string(event.type.rawValue), .string(event.booking.id.description), .string(String(event.booking.version)),
                    .bytes(event.booking.eventHead), .int(event.zone.version),
                ])
        }
        if calls.isEmpty { return [] }
        return zip(events, try await evaluate(LuaScript.tellZone, calls)).compactMap { event, reply in
            guard let fields = reply.elements, fields.count == 3, let id = fields[1].text, let value = fields[2].bytes else { return nil }
            return OutboxEntry(
                id: id, shard: Shard(of: event.booking.event), type: event.type, key: event.booking.id.description,
                version: String(event.booking.version), trace: "", value: value)
        }
    }
}
