public import Domain
import LuaScripts
import RedisClient

/// What a release came to.
public enum ReleaseOutcome: Equatable, Sendable {
    /// Done now; the entry is to be published.
    case released(OutboxEntry)
    /// Done by the same operation at an earlier try; its entry is or was in the outbox.
    case releasedBefore
    /// The booking is in another state already.
    case wrongState(BookingStatus)
    /// Its hold has not ended yet.
    case notDue
    /// There is no such booking in Redis.
    case missing
}

extension BookingEngine {
    /// One hold to end.
    public struct Release: Sendable {
        public let booking: BookingID
        public let shard: Shard
        /// `cancelled` or `expired`.
        public let status: BookingStatus
        /// The operation behind a cancel: by it a second try knows its own work.
        public let operation: OperationID?
        public let trace: String

        public init(booking: BookingID, shard: Shard, status: BookingStatus, operation: OperationID? = nil, trace: String = "") {
            self.booking = booking
            self.shard = shard
            self.status = status
            self.operation = operation
            self.trace = trace
        }
    }

    /// Ends holds, all in one write to Redis; each is decided for itself.
    /// - Throws: ``EngineError`` when Redis did not answer for all; what was released then says so again.
    public func release(_ releases: [Release]) async throws(EngineError) -> [Result<ReleaseOutcome, EngineError>] {
        let calls = releases.map { release in
            RedisScriptCall(
                keys: [Keys.hold(release.booking, release.shard)],
                arguments: [
                    .int(Int64(release.shard.number)), .string(release.booking.description), .string(release.status.rawValue),
                    .string(release.operation?.description ?? ""), .string(release.trace), .int(Self.finishedKept.inMilliseconds),
                ])
        }
        let replies: [RedisReply]
        do {
            replies = try await redis.evaluate(LuaScript.release, calls: calls)
        } catch {
            throw EngineError(.redis, operation: "release", message: error.message, underlying: error)
        }
        return zip(releases, replies).map { release, reply in Self.outcome(of: release, reply) }
    }

    private static func outcome(of release: Release, _ reply: RedisReply) -> Result<ReleaseOutcome, EngineError> {
        guard let parts = reply.elements, let name = parts.first?.text else {
            return .failure(EngineError(.redis, operation: "release", message: reply.errorMessage ?? "no outcome"))
        }
        switch name {
        case "released":
            guard parts.count == 4, let version = parts[1].text, let id = parts[2].text, let value = parts[3].bytes else { break }
            let type: MessageType = release.status == .expired ? .bookingExpired : .bookingCancelled
            return .success(
                .released(
                    OutboxEntry(
                        id: id, shard: release.shard, type: type, key: release.booking.description, version: version, trace: release.trace,
                        value: value)))
        case "released_before": return .success(.releasedBefore)
        case "wrong_state":
            guard parts.count == 2, let status = parts[1].text.flatMap(BookingStatus.init(rawValue:)) else { break }
            return .success(.wrongState(status))
        case "not_due": return .success(.notDue)
        case "missing": return .success(.missing)
        case "zone_missing":
            return .failure(EngineError(.stateMissing, operation: "release", message: "the zone of a held booking is not in Redis"))
        default: break
        }
        return .failure(.unexpected("release", reply))
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

    func pipeline(_ operation: String, _ commands: [RedisCommand]) async throws(EngineError) -> [RedisReply] {
        do {
            return try await redis.pipeline(commands)
        } catch {
            throw EngineError(.redis, operation: operation, message: error.message, underlying: error)
        }
    }
}
