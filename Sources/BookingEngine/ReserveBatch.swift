import Domain
import LuaScripts
import RedisClient

/// One reserve on its way to `reserve.lua`, encoded on its caller's thread.
struct PendingReserve: Sendable {
    /// What the reserves of one call have in common.
    struct Place: Hashable, Sendable {
        let event: EventID
        let show: ShowID
        let zone: ZoneID
    }

    /// Who waits for its answer, and what the script does not say again.
    struct Asker: Sendable {
        let booking: BookingID
        /// W3C traceparent, or empty.
        let trace: String
        /// ``RequestOrigin/json``, or empty.
        let origin: String
        let then: @Sendable (BookingEngine.ReserveResult) -> Void
    }

    let place: Place
    let asker: Asker
    fileprivate let keys: RedisArguments
    fileprivate let arguments: RedisArguments

    init(
        _ request: ReserveRequest, _ context: BookingEngine.ReserveContext, booking: BookingID,
        then: @escaping @Sendable (BookingEngine.ReserveResult) -> Void
    ) {
        let shard = Shard(of: request.event)
        place = Place(event: request.event, show: request.show, zone: request.zone)
        let origin = context.origin.map { String(decoding: $0.json, as: UTF8.self) } ?? ""
        asker = Asker(booking: booking, trace: context.trace, origin: origin, then: then)
        var keys = RedisArguments(reserving: 128)
        keys.append(Keys.user(context.user, shard))
        keys.append(Keys.hold(booking, shard))
        self.keys = keys
        let fragment = Self.fragment(request, context, booking)
        var arguments = RedisArguments(reserving: fragment.count + origin.utf8.count + 320 + request.seats.count * 43)
        arguments.append(booking.description)
        arguments.append(request.quantity)
        arguments.append(context.bodyHash)
        arguments.append(fragment)
        arguments.append(context.trace)
        arguments.append(origin)
        arguments.append(context.age.map { .int($0) } ?? .string(""))
        arguments.append(context.idempotencyKey)
        arguments.append(context.pass?.description ?? "")
        arguments.append(Int64(request.seats.count))
        for seat in request.seats { arguments.append(seat.description) }
        self.arguments = arguments
    }

    /// The members of the booking's JSON that never change.
    private static func fragment(_ request: ReserveRequest, _ context: BookingEngine.ReserveContext, _ booking: BookingID) -> [UInt8] {
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
}

/// Reserves of one zone that go to Redis in one call, in the order in which they came.
struct ReserveBatch: Sendable {
    static let script = LuaScript.reserve

    let place: PendingReserve.Place
    private(set) var askers: [PendingReserve.Asker] = []
    private var keys = RedisArguments()
    private var arguments = RedisArguments()

    init(_ first: PendingReserve) {
        place = first.place
        append(first)
    }

    /// Adds a reserve of the same place.
    mutating func append(_ reserve: PendingReserve) {
        keys.append(contentsOf: reserve.keys)
        arguments.append(contentsOf: reserve.arguments)
        askers.append(reserve.asker)
    }

    /// The call of `reserve.lua`; made twice it says the same again.
    func command(_ limits: ReserveLimits) -> RedisCommand {
        let shard = Shard(of: place.event)
        var sharedKeys = RedisArguments(reserving: 384)
        for key in [
            Keys.zone(place.zone, shard), Keys.due(shard), Keys.outbox(shard), Keys.seats(place.zone, shard), Keys.seatNumbers(place.zone, shard),
            Keys.epoch(shard), Keys.queue(place.event, shard),
        ] { sharedKeys.append(key) }
        var shared = RedisArguments(reserving: 224)
        shared.append(place.event.description)
        shared.append(place.show.description)
        shared.append(limits.ratePerMinute)
        shared.append(limits.burst)
        shared.append(limits.outboxLimit)
        shared.append(limits.idempotencyKept.inMilliseconds)
        shared.append(limits.hold.inMilliseconds)
        return Self.script.command(keys: [sharedKeys, keys], arguments: [shared, arguments])
    }

    /// Tells every caller what became of its reserve.
    func answer(_ result: Result<RedisReply, RedisError>, _ trust: Trust? = nil) {
        switch result {
        case .success(let reply):
            guard let replies = reply.elements, replies.count == askers.count else {
                for asker in askers { asker.then(.failure(.unexpected("reserve", reply))) }
                return
            }
            let shard = Shard(of: place.event)
            for (asker, reply) in zip(askers, replies) { asker.then(ReserveOutcome.read(reply, of: asker, shard: shard, trust)) }
        case .failure(let error):
            for asker in askers { asker.then(.failure(.redis("reserve", error))) }
        }
    }
}
