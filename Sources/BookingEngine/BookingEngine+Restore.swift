public import Domain
import LuaScripts
import RedisClient

/// The newest state that is known of a booking outside Redis.
public struct BookingState: Sendable {
    public var booking: Booking
    /// Of its zone, in the event that told of it; 0 where that is not known.
    public var zoneVersion: Int64
    /// Free places in the zone by the same event; 0 where that is not known.
    public var available: Int64

    public init(booking: Booking, zoneVersion: Int64 = 0, available: Int64 = 0) {
        self.booking = booking
        self.zoneVersion = zoneVersion
        self.available = available
    }

    public init(_ event: BookingEvent) {
        self.init(booking: event.booking, zoneVersion: event.zone.version, available: event.zone.available)
    }
}

/// What putting bookings back came to.
public struct Restoration: Sendable {
    /// Bookings whose state was put back.
    public var restored = 0
    /// Bookings of which Redis knew as much or more.
    public var known = 0
    /// Events that were written to tell of it; to be published.
    public var told: [OutboxEntry] = []
    /// Bookings that have ended because their seats were another's, as they were before.
    public var lost: [Booking] = []
    /// Bookings whose zone is not in Redis.
    public var withoutZone: [BookingState] = []
    /// Bookings that could not be put back, with the reason.
    public var failed: [(booking: BookingID, reason: String)] = []

    public init() {}

    mutating func add(_ other: Restoration) {
        restored += other.restored
        known += other.known
        told += other.told
        lost += other.lost
        withoutZone += other.withoutZone
        failed += other.failed
    }
}

extension BookingEngine {
    /// Bookings in one call of the script, all of one zone: Redis does nothing else meanwhile, some 2 ms.
    private static let restoredAtOnce = 64
    /// Calls in one write.
    private static let restoresAtOnce = 16
    /// Writes under way, so that Redis has the next when it is done with one; they are encoded side by side.
    private static let restoreLanes = 3

    /// Puts back what Redis may have forgotten of bookings; a state that is not newer than Redis' own changes nothing, however often it comes.
    ///
    /// Those that have ended go first, since their seats may be another's by now; of those that live the one that was written last, for the same reason.
    /// - Parameter tells: whether an event is written for each, as for those that come after Redis is trusted again.
    public func restore(_ states: [BookingState], tells: Bool = false) async throws(EngineError) -> Restoration {
        var result = Restoration()
        let inOrder = states.sorted { left, right in
            if left.booking.status.isLive != right.booking.status.isLive { return right.booking.status.isLive }
            return left.zoneVersion > right.zoneVersion
        }
        for isLive in [false, true] {
            // A zone's calls stay in their order, in one lane.
            var lanes = [[ArraySlice<BookingState>]](repeating: [], count: Self.restoreLanes)
            for (_, ofZone) in Dictionary(grouping: inOrder.filter { $0.booking.status.isLive == isLive }, by: \.booking.zone) {
                let lane = lanes.indices.min { lanes[$0].count < lanes[$1].count } ?? 0
                for start in stride(from: 0, to: ofZone.count, by: Self.restoredAtOnce) {
                    lanes[lane].append(ofZone[start..<min(start + Self.restoredAtOnce, ofZone.count)])
                }
            }
            let done = await withTaskGroup(of: Result<Restoration, EngineError>.self) { group in
                for lane in lanes where !lane.isEmpty { group.addTask { await restore(lane, tells) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for lane in done { result.add(try lane.get()) }
        }
        return result
    }

    private func restore(_ calls: [ArraySlice<BookingState>], _ tells: Bool) async -> Result<Restoration, EngineError> {
        var result = Restoration()
        do throws(EngineError) {
            for start in stride(from: 0, to: calls.count, by: Self.restoresAtOnce) {
                let some = Array(calls[start..<min(start + Self.restoresAtOnce, calls.count)])
                let replies = try await evaluate(LuaScript.restore, some.map { restoreCall($0, tells) })
                for (states, reply) in zip(some, replies) { Self.read(reply, states, &result) }
            }
        } catch {
            return .failure(error)
        }
        return .success(result)
    }

    private func restoreCall(_ states: ArraySlice<BookingState>, _ tells: Bool) -> RedisScriptCall {
        guard let first = states.first?.booking else { return RedisScriptCall(keys: [], arguments: []) }
        let shard = Shard(of: first.event)
        var keys = [
            Keys.zone(first.zone, shard), Keys.due(shard), Keys.outbox(shard), Keys.seats(first.zone, shard), Keys.seatNumbers(first.zone, shard),
            Keys.epoch(shard),
        ]
        var arguments: [RedisArgument] = [
            .string(first.event.description), .int(Self.finishedKept.inMilliseconds), .int(Self.confirmedKept.inMilliseconds),
            .int(limits.idempotencyKept.inMilliseconds), tells ? "1" : "0",
        ]
        arguments.reserveCapacity(5 + states.count * 19)
        for state in states {
            let booking = state.booking
            keys.append(Keys.user(booking.user, shard))
            keys.append(Keys.hold(booking.id, shard))
            let id = booking.id.description
            let answer =
                "\(id)|\(booking.version)|\(booking.expiresAt.ms)|\(booking.unitPriceMinor)|\(booking.totalMinor)|\(booking.currency)|\(state.available)"
            arguments += [
                .string(id), .int(booking.version), .string(booking.status.rawValue), .int(booking.expiresAt.ms), .int(booking.updatedAt.ms),
                .int(booking.createdAt.ms), .int(booking.quantity), .int(state.zoneVersion), .string(booking.payment?.description ?? ""),
                .string(booking.paymentState?.rawValue ?? ""), .string(booking.declines > 0 ? String(booking.declines) : ""),
                .string(booking.reason?.rawValue ?? ""), .bytes(booking.fragment), .string(booking.idempotencyKey), .string(booking.bodyHash),
                .string(answer), .int(Int64(booking.seats.count)),
            ]
            for seat in booking.seats { arguments.append(.string(seat.description)) }
            arguments.append(booking.used.isEmpty ? "" : .bytes(TicketUse.json(booking.used)))
        }
        return RedisScriptCall(keys: keys, arguments: arguments)
    }

    private static func read(_ reply: RedisReply, _ states: ArraySlice<BookingState>, _ result: inout Restoration) {
        guard let parts = reply.elements, parts.count == states.count, parts.first?.text != "zone_missing" else {
            if reply.elements?.first?.text == "zone_missing" {
                result.withoutZone += states
            } else {
                for state in states { result.failed.append((state.booking.id, reply.errorMessage ?? "an unknown reply")) }
            }
            return
        }
        for (state, part) in zip(states, parts) {
            let booking = state.booking
            switch part.elements?.first?.text {
            case "restored": result.restored += 1
            case "known": result.known += 1
            case let outcome? where outcome == "told" || outcome == "lost":
                result.restored += 1
                let fields = part.elements ?? []
                guard fields.count >= 5, let version = fields[1].text, let type = fields[2].text.flatMap(MessageType.init(rawValue:)),
                    let id = fields[3].text, let value = fields[4].bytes
                else { continue }
                result.told.append(
                    OutboxEntry(
                        id: id, shard: Shard(of: booking.event), type: type, key: booking.id.description, version: version, trace: "", value: value))
                if outcome == "lost" { result.lost.append(booking) }
                if fields.count == 7, let id = fields[5].text, let value = fields[6].bytes {
                    result.told.append(
                        OutboxEntry(
                            id: id, shard: Shard(of: booking.event), type: .paymentRefund, key: booking.id.description, version: version, trace: "",
                            value: value))
                }
            default: result.failed.append((booking.id, part.errorMessage ?? part.elements?.first?.text ?? "an unknown reply"))
            }
        }
    }
}

extension Booking {
    /// The members that never change, in the bytes in which `reserve.lua` keeps them.
    var fragment: [UInt8] {
        var writer = JSONWriter()
        writer.member("booking_id", id)
        writer.member("event_id", event)
        writer.member("show_id", show)
        writer.member("zone_id", zone)
        writer.member("user_id", user)
        writer.member("quantity", quantity)
        if !seats.isEmpty {
            writer.key("seat_ids")
            writer.array { for seat in seats { $0.string(seat.description) } }
        }
        writer.member("idempotency_key", idempotencyKey)
        writer.member("body_hash", bodyHash)
        writer.member("tenant_id", tenant)
        writer.member("unit_price_minor", unitPriceMinor)
        writer.member("total_minor", totalMinor)
        writer.member("currency", currency)
        writer.member("created_at_ms", createdAt.ms)
        return writer.bytes
    }
}
