public import Domain
import LuaScripts
import RedisClient

/// A zone as the reserve script needs it.
public struct ZoneSettings: Sendable, Equatable {
    public var zone: ZoneID
    public var event: EventID
    public var show: ShowID
    public var tenant: TenantID
    public var capacity: Int64
    /// Minor units of ``currency``, a ticket.
    public var priceMinor: Int64
    /// ISO 4217.
    public var currency: String
    /// Tickets of the event that one user may have at a time.
    public var maximumPerUser: Int64
    public var saleOpens: Timestamp
    public var saleCloses: Timestamp
    /// When the show ends; keys are kept for a day after it.
    public var showEnds: Timestamp
    /// Years, 0 for none.
    public var minimumAge: Int64
    /// Whether a booking may be held for a day for a bank transfer.
    public var allowsBankTransfer: Bool
    /// The seats in their order; empty for general admission. New ones go to the end; none is ever taken away.
    public var seats: [SeatID]

    public init(
        zone: ZoneID, event: EventID, show: ShowID, tenant: TenantID, capacity: Int64, priceMinor: Int64, currency: String, maximumPerUser: Int64,
        saleOpens: Timestamp, saleCloses: Timestamp, showEnds: Timestamp, minimumAge: Int64, allowsBankTransfer: Bool = false,
        seats: [SeatID]
    ) {
        self.zone = zone
        self.event = event
        self.show = show
        self.tenant = tenant
        self.capacity = capacity
        self.priceMinor = priceMinor
        self.currency = currency
        self.maximumPerUser = maximumPerUser
        self.saleOpens = saleOpens
        self.saleCloses = saleCloses
        self.showEnds = showEnds
        self.minimumAge = minimumAge
        self.allowsBankTransfer = allowsBankTransfer
        self.seats = seats
    }
}

/// What loading a zone came to.
public enum SetZoneOutcome: Equatable, Sendable {
    /// Done; so many places are free.
    case set(available: Int64)
    /// The capacity is below what is held or sold.
    case belowTaken(Int64)
    /// The seats are not those of before with new ones behind them, or not as many as the capacity.
    case seatsDiffer
}

extension BookingEngine {
    /// Loads a zone into Redis or changes it. Capacity goes by difference, so that doing it twice resets nothing.
    public func setZone(_ settings: ZoneSettings) async throws(EngineError) -> SetZoneOutcome {
        let shard = Shard(of: settings.event)
        let fields: [RedisArgument] = [
            "event", .string(settings.event.description), "show", .string(settings.show.description), "tenant", .string(settings.tenant.description),
            "price", .int(settings.priceMinor), "currency", .string(settings.currency), "limit", .int(settings.maximumPerUser), "opens",
            .int(settings.saleOpens.ms), "closes", .int(settings.saleCloses.ms), "ends", .int(settings.showEnds.ms), "min_age",
            .int(settings.minimumAge), "bank", settings.allowsBankTransfer ? "1" : "0",
        ]
        let arguments: [RedisArgument] =
            [.int(settings.capacity), .int(Int64(fields.count))] + fields + settings.seats.map { .string($0.description) }
        let reply = try await ask(
            LuaScript.setZone,
            RedisScriptCall(
                keys: [
                    Keys.zone(settings.zone, shard), Keys.seats(settings.zone, shard), Keys.seatNumbers(settings.zone, shard), Keys.epoch(shard),
                    Keys.zones(settings.event, shard),
                ], arguments: arguments))
        guard let parts = reply.elements, parts.count == 2, let name = parts[0].text else { throw .unexpected("set zone", reply) }
        switch name {
        case "set": return .set(available: parts[1].int ?? 0)
        case "below_taken": return .belowTaken(parts[1].int ?? 0)
        case "seats_mismatch", "seats_removed", "seats_reordered": return .seatsDiffer
        default: throw .unexpected("set zone", reply)
        }
    }

    /// Takes one token of a bucket (all limits but reserve's).
    /// - Returns: whether there was one, the thousandths of a token left, and the wait for the next in ms.
    public func takeToken(endpoint: String, who: String, perMinute: Int64, burst: Int64) async throws(EngineError) -> (
        allowed: Bool, tokensLeft: Int64, retryAfterMs: Int64
    ) {
        let reply = try await ask(
            LuaScript.takeToken, RedisScriptCall(keys: [Keys.rate(endpoint, who)], arguments: [.int(perMinute), .int(burst)]))
        let numbers = (reply.elements ?? []).compactMap(\.int)
        guard numbers.count == 3 else { throw .unexpected("take token", reply) }
        return (numbers[0] == 1, numbers[1], numbers[2])
    }
}
