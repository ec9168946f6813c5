public import Domain
import LuaScripts
import RedisClient

/// What a release came to.
public enum ReleaseOutcome: Equatable, Sendable {
    /// Done now; the entry is to be published.
    case released(OutboxEntry)
    /// Done on the same behalf at an earlier try; its entry is or was in the outbox.
    case releasedBefore
    /// The booking is in another state already.
    case wrongState(BookingStatus)
    /// Its hold has not ended yet.
    case notDue
    /// A user's cancel, while money may be moving.
    case paymentOpen
    /// There is no such booking in Redis.
    case missing
}

extension BookingEngine {
    /// One booking to end.
    public struct Release: Sendable {
        public let booking: BookingID
        public let shard: Shard
        /// `cancelled` or `expired` for a hold, `refunded` for a confirmed booking.
        public let status: BookingStatus
        /// The operation, payment or refund behind it: by it a second try knows its own work. Empty for an expiry.
        public let by: String
        /// Why, where the status does not say it. A cancel without a reason is its user's, and is refused while a payment is open.
        public let reason: BookingReason?
        public let trace: String

        public init(booking: BookingID, shard: Shard, status: BookingStatus, by: String = "", reason: BookingReason? = nil, trace: String = "") {
            self.booking = booking
            self.shard = shard
            self.status = status
            self.by = by
            self.reason = reason
            self.trace = trace
        }
    }

    /// Ends bookings, all in one write to Redis; each is decided for itself.
    /// - Throws: ``EngineError`` when Redis did not answer for all; what was released then says so again.
    public func release(_ releases: [Release]) async throws(EngineError) -> [Result<ReleaseOutcome, EngineError>] {
        let replies = try await evaluate(
            LuaScript.release,
            releases.map { release in
                RedisScriptCall(
                    keys: [Keys.hold(release.booking, release.shard)],
                    arguments: [
                        .int(Int64(release.shard.number)), .string(release.booking.description), .string(release.trace),
                        .string(release.status.rawValue), .string(release.by), .string(release.reason?.rawValue ?? ""),
                        .int(Self.finishedKept.inMilliseconds),
                    ])
            })
        try await requireMemory("release", of: replies)
        return zip(releases, replies).map { release, reply in
            Result { () throws(EngineError) in try Self.outcome(of: release, reply) }
        }
    }

    private static func outcome(of release: Release, _ reply: RedisReply) throws(EngineError) -> ReleaseOutcome {
        let (name, parts) = try outcome("release", reply)
        switch name {
        case "released":
            if let entry = entry(release.messageType, parts[...], of: release.booking, release.shard, release.trace) { return .released(entry) }
        case "released_before": return .releasedBefore
        case "wrong_state": if let status = parts.first?.text.flatMap(BookingStatus.init(rawValue:)) { return .wrongState(status) }
        case "not_due": return .notDue
        case "payment_open": return .paymentOpen
        case "missing": return .missing
        case "zone_missing": throw .zoneMissing("release")
        default: break
        }
        throw .unexpected("release", reply)
    }

    /// The bookings of one shard whose hold has ended, oldest first.
    public func due(_ shards: [Shard], limit: Int) async throws(EngineError) -> [Release] {
        let replies = try await pipeline(
            "due",
            shards.map { shard in
                // Our clock only guesses; release.lua asks Redis' own, so an early guess costs a call and nothing else.
                RedisCommand("ZRANGEBYSCORE", Keys.due(shard), "-inf", String(Self.wallClockMs()), "LIMIT", "0", String(limit))
            })
        return zip(shards, replies).flatMap { shard, reply in
            (reply.elements ?? []).compactMap { element in
                element.text.flatMap { BookingID($0) }.map { Release(booking: $0, shard: shard, status: .expired) }
            }
        }
    }
}

extension BookingEngine.Release {
    fileprivate var messageType: MessageType {
        switch status {
        case .expired: .bookingExpired
        case .refunded: .bookingRefunded
        case .cancelled, .reserved, .confirmed: .bookingCancelled
        }
    }
}
