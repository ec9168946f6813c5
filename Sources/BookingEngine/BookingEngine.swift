public import Domain
import LuaScripts
public import RedisClient
import Synchronization

/// The one place where a booking changes its state: typed calls of the scripts.
///
/// A reply that was lost is asked for once more; every script says the same again when it runs twice.
public struct BookingEngine: Sendable {
    /// How long a finished, unsuccessful booking stays in Redis (ARCHITECTURE, Redis).
    public static let finishedKept: Duration = .seconds(86_400)

    public let redis: RedisClient
    public let limits: ReserveLimits
    private let reservers: Reservers

    /// - Parameter reservers: connections over which reserves are spread. Redis reads 16 KiB of a connection, some 15 reserves, before it
    ///   syncs its file and answers; with a few connections it does so once for several times as many.
    public init(redis: RedisClient, reservers: [RedisClient] = [], limits: ReserveLimits = ReserveLimits()) {
        self.redis = redis
        self.limits = limits
        self.reservers = Reservers(reservers.isEmpty ? [redis] : reservers)
    }

    /// Takes turns.
    private final class Reservers: Sendable {
        private let clients: [RedisClient]
        private let turn = Atomic(0)

        init(_ clients: [RedisClient]) {
            self.clients = clients
        }

        var next: RedisClient { clients[(turn.wrappingAdd(1, ordering: .relaxed).newValue & Int.max) % clients.count] }
    }

    /// Who asks for a reserve, and how it is told from another.
    public struct ReserveContext: Sendable {
        public let user: UserID
        public let idempotencyKey: String
        /// See ``Booking/bodyHash``.
        public let bodyHash: String
        /// W3C traceparent, or empty.
        public let trace: String
        /// Years, when known.
        public let age: Int64?

        public init(user: UserID, idempotencyKey: String, bodyHash: String, trace: String, age: Int64?) {
            self.user = user
            self.idempotencyKey = idempotencyKey
            self.bodyHash = bodyHash
            self.trace = trace
            self.age = age
        }
    }

    /// What ``reserve(_:_:booking:then:)`` came to, and the thousandths of a rate token that the user has left (`nil` when the rate was not looked at).
    public typealias ReserveResult = Result<(outcome: ReserveOutcome, tokensLeft: Int64?), EngineError>

    /// Reserves everything or nothing, with one call of Redis and without a task.
    /// - Parameter then: called once, on Redis' I/O thread as a rule. It must not block.
    public func reserve(_ request: ReserveRequest, _ context: ReserveContext, booking: BookingID, then: @escaping @Sendable (ReserveResult) -> Void) {
        let shard = Shard(of: request.event)
        var arguments: [RedisArgument] = [
            .string(booking.description), .string(request.event.description), .string(request.show.description), .int(request.quantity),
            .string(context.bodyHash), .int(limits.hold.inMilliseconds), .bytes(Self.fragment(request, context, booking)), .string(context.trace),
            .int(limits.ratePerMinute), .int(limits.burst), .int(limits.outboxLimit), .int(limits.idempotencyKept.inMilliseconds),
            context.age.map { .int($0) } ?? .string(""), .string(context.idempotencyKey),
        ]
        for seat in request.seats { arguments.append(.string(seat.description)) }
        let call = RedisScriptCall(
            keys: [
                Keys.zone(request.zone, shard), Keys.user(context.user, shard), Keys.hold(booking, shard), Keys.due(shard),
                Keys.outbox(shard), Keys.seats(request.zone, shard), Keys.seatNumbers(request.zone, shard),
                Keys.epoch(shard),
            ], arguments: arguments)
        let trace = context.trace
        reservers.next.evaluate(LuaScript.reserve, keys: call.keys, arguments: call.arguments) { result in
            switch result {
            case .success(let reply): then(Self.result(reply, booking: booking, shard: shard, trace: trace))
            case .failure(let error) where error.code == .connectionLost:
                Task {
                    do throws(EngineError) {
                        then(Self.result(try await evaluate(LuaScript.reserve, call), booking: booking, shard: shard, trace: trace))
                    } catch {
                        then(.failure(error))
                    }
                }
            case .failure(let error): then(.failure(EngineError(.redis, operation: "reserve", message: error.message, underlying: error)))
            }
        }
    }

    private static func result(_ reply: RedisReply, booking: BookingID, shard: Shard, trace: String) -> ReserveResult {
        guard let parts = reply.elements, let name = parts.first?.text,
            let outcome = outcome(name, parts, booking: booking, shard: shard, trace: trace)
        else { return .failure(.unexpected("reserve", reply)) }
        let tokens = parts.count > 1 ? parts[1].int : nil
        return .success((outcome, tokens.flatMap { $0 < 0 ? nil : $0 }))
    }

    private static func fragment(_ request: ReserveRequest, _ context: ReserveContext, _ booking: BookingID) -> [UInt8] {
        var writer = JSONWriter()
        writer.member("booking_id", booking)
        writer.member("event_id", request.event)
        writer.member("show_id", request.show)
        writer.member("zone_id", request.zone)
        writer.member("user_id", context.user)
        writer.member("quantity", request.quantity)
        if !request.seats.isEmpty {
            writer.key("seat_ids")
            writer.array { for seat in request.seats { $0.string(seat.description) } }
        }
        writer.member("idempotency_key", context.idempotencyKey)
        writer.member("body_hash", context.bodyHash)
        return writer.bytes
    }

    private static func outcome(_ name: String, _ parts: [RedisReply], booking: BookingID, shard: Shard, trace: String) -> ReserveOutcome? {
        func text(_ index: Int) -> String? { index < parts.count ? parts[index].text : nil }
        func bytes(_ index: Int) -> [UInt8]? { index < parts.count ? parts[index].bytes : nil }
        func number(_ index: Int) -> Int64? { index < parts.count ? parts[index].int : nil }
        switch name {
        case "reserved":
            guard let reservation = bytes(2).flatMap(Reservation.init(answer:)), let id = text(3), parts.count > 4, let value = parts[4].bytes else {
                return nil
            }
            let entry = OutboxEntry(
                id: id, shard: shard, type: .bookingCreated, key: booking.description, version: String(reservation.version), trace: trace,
                value: value)
            return .reserved(reservation, entry)
        case "replayed":
            guard let reservation = bytes(2).flatMap(Reservation.init(answer:)) else { return nil }
            // Our own booking under our own key: the reply to the first call was lost, and this is its repetition.
            return reservation.booking == booking ? .reserved(reservation, nil) : .replayed(reservation)
        case "key_reused": return .keyReused
        case "zone_missing", "zone_mismatch": return .zoneUnknown
        case "seats_required": return .seatsRequired
        case "seats_not_numbered": return .seatsNotNumbered
        case "sale_closed":
            guard let opens = number(2), let closes = number(3) else { return nil }
            return .saleClosed(opens: Timestamp(ms: opens), closes: Timestamp(ms: closes))
        case "outbox_full": return .outboxFull
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

    /// Runs a script; when the connection was lost before the reply, once more.
    func evaluate(_ script: RedisScript, _ call: RedisScriptCall) async throws(EngineError) -> RedisReply {
        do {
            return try await redis.evaluate(script, keys: call.keys, arguments: call.arguments)
        } catch let error where error.code == .connectionLost {
            do {
                return try await redis.evaluate(script, keys: call.keys, arguments: call.arguments)
            } catch {
                throw EngineError(.redis, operation: script.name, message: error.message, underlying: error)
            }
        } catch {
            throw EngineError(.redis, operation: script.name, message: error.message, underlying: error)
        }
    }
}

extension Duration {
    /// Whole milliseconds, as they leave the process.
    public var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
