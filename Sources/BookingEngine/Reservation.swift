public import Domain

/// What the 202 of a reserve tells, the same when it is asked again.
public struct Reservation: Equatable, Sendable {
    public let booking: BookingID
    public let version: Int64
    public let expiresAt: Timestamp
    /// Minor units of ``currency``.
    public let unitPriceMinor: Int64
    /// Minor units of ``currency``.
    public let totalMinor: Int64
    public let currency: String
    /// Free places in the zone right after.
    public let remaining: Int64

    /// Reads the seven parts that `reserve.lua` joins with bars.
    init?(answer: [UInt8]) {
        var parts: [Substring.UTF8View.SubSequence] = []
        parts.reserveCapacity(7)
        let text = String(decoding: answer, as: UTF8.self)
        var rest = text[...].utf8
        while let bar = rest.firstIndex(of: UInt8(ascii: "|")) {
            parts.append(rest[..<bar])
            rest = rest[rest.index(after: bar)...]
        }
        parts.append(rest)
        guard parts.count == 7, let booking = BookingID(Substring(parts[0])), let version = Int64(Substring(parts[1])),
            let expires = Int64(Substring(parts[2])), let price = Int64(Substring(parts[3])), let total = Int64(Substring(parts[4])),
            let remaining = Int64(Substring(parts[6]))
        else { return nil }
        self.booking = booking
        self.version = version
        expiresAt = Timestamp(ms: expires)
        unitPriceMinor = price
        totalMinor = total
        currency = String(Substring(parts[5]))
        self.remaining = remaining
    }
}

/// What a reserve came to.
public enum ReserveOutcome: Equatable, Sendable {
    /// Done now; the entry is to be published. It is missing when the first reply was lost: then the sweeper publishes it.
    case reserved(Reservation, OutboxEntry?)
    case replayed(Reservation)
    case keyReused
    case zoneUnknown
    case seatsRequired
    case seatsNotNumbered
    case saleClosed(opens: Timestamp, closes: Timestamp)
    case outboxFull
    /// The event has a line, and what was shown is no pass of it.
    case queueRequired(QueuePassFault)
    case rateLimited(retryAfterMs: Int64)
    case ageRestricted(minimum: Int64)
    case overLimit(limit: Int64, alreadyHeld: Int64)
    case outOfStock(available: Int64)
    case seatUnknown(String)
    case seatsTaken([String])

    /// A short name, bounded, for metric labels.
    public var label: String {
        switch self {
        case .reserved: "reserved"
        case .replayed: "replayed"
        case .keyReused: "key_reused"
        case .zoneUnknown: "zone_unknown"
        case .seatsRequired, .seatsNotNumbered, .seatUnknown: "invalid_seats"
        case .saleClosed: "sale_closed"
        case .outboxFull: "outbox_full"
        case .queueRequired: "queue_required"
        case .rateLimited: "rate_limited"
        case .ageRestricted: "age_restricted"
        case .overLimit: "over_limit"
        case .outOfStock: "out_of_stock"
        case .seatsTaken: "seat_taken"
        }
    }
}

/// The limits that a reserve is held to.
public struct ReserveLimits: Sendable {
    /// Refill of a user's bucket for one event, in tokens a minute.
    public var ratePerMinute: Int64 = 20
    /// Size of that bucket.
    public var burst: Int64 = 10
    /// How long a hold lasts.
    public var hold: Duration = .seconds(600)
    /// Entries in one shard's outbox beyond which reserves are refused; about 1 KiB of Redis memory each.
    public var outboxLimit: Int64 = 200_000
    /// How long an idempotency record is kept.
    public var idempotencyKept: Duration = .seconds(86_400)

    public init() {}
}
