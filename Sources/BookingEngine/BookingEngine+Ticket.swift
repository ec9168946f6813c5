public import Domain
import LuaScripts
import RedisClient

/// What using a ticket came to.
public enum TicketOutcome: Equatable, Sendable {
    /// Now; the entry is to be published.
    case used(Timestamp, OutboxEntry)
    /// By this very use: the first answer was lost, or the same key is sent again.
    case usedByThis(Timestamp)
    /// Somebody went in on it before.
    case usedBefore(Timestamp)
    case keyReused
    /// There is no such booking in Redis, which decides nothing.
    case missing
    case wrongState(BookingStatus)
    /// The booking has fewer places.
    case noSuchPlace
    case outboxFull
}

extension BookingEngine {
    /// One who wants to go in.
    public struct TicketEntry: Sendable {
        public let booking: BookingID
        public let shard: Shard
        public let event: EventID
        /// From 0.
        public let place: Int
        /// See ``TicketUse/mark``.
        public let mark: String
        /// The one at the door.
        public let doorkeeper: UserID
        public let idempotency: Idempotency?
        /// W3C traceparent, or empty.
        public let trace: String

        public init(
            booking: BookingID, shard: Shard, event: EventID, place: Int, mark: String, doorkeeper: UserID, idempotency: Idempotency?, trace: String
        ) {
            self.booking = booking
            self.shard = shard
            self.event = event
            self.place = place
            self.mark = mark
            self.doorkeeper = doorkeeper
            self.idempotency = idempotency
            self.trace = trace
        }
    }

    /// Lets somebody in on a ticket, once for ever.
    public func useTicket(_ entry: TicketEntry) async throws(EngineError) -> TicketOutcome {
        let hold = Keys.hold(entry.booking, entry.shard)
        let idempotency = entry.idempotency
        let reply = try await ask(
            LuaScript.useTicket,
            RedisScriptCall(
                keys: [
                    hold, idempotency.map { Keys.idempotency($0.route, $0.key, entry.doorkeeper, entry.event.description, entry.shard) } ?? hold,
                ],
                arguments: [
                    .int(Int64(entry.shard.number)), .string(entry.booking.description), .string(entry.trace), .int(Int64(entry.place)),
                    .string(entry.mark), .string(entry.doorkeeper.description), .string(idempotency?.bodyHash ?? ""),
                    .int(limits.idempotencyKept.inMilliseconds), idempotency == nil ? "0" : "1", .int(limits.outboxLimit),
                ]))
        try await requireMemory("use ticket", of: [reply])
        let (name, parts) = try Self.outcome("use ticket", reply)
        switch name {
        case "used":
            guard let written = Self.entry(.bookingUpdated, parts[...], of: entry.booking, entry.shard, entry.trace),
                let use = (try? BookingEvent(json: written.value))?.booking.used.last(where: { $0.place == entry.place })
            else { break }
            return .used(use.at, written)
        case "used_by_this": if let at = parts.first?.int { return .usedByThis(Timestamp(ms: at)) }
        case "used_before": if let at = parts.first?.int { return .usedBefore(Timestamp(ms: at)) }
        case "key_reused": return .keyReused
        case "missing": return .missing
        case "wrong_state": if let status = parts.first?.text.flatMap(BookingStatus.init(rawValue:)) { return .wrongState(status) }
        case "no_such_place": return .noSuchPlace
        case "outbox_full": return .outboxFull
        case "zone_missing": throw .zoneMissing("use ticket")
        default: break
        }
        throw .unexpected("use ticket", reply)
    }
}
