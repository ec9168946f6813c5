public import Domain

/// The names of the Redis keys (ARCHITECTURE, Redis). The braces are the hash tag: all keys of a shard are in one slot.
public enum Keys {
    public static func zone(_ zone: ZoneID, _ shard: Shard) -> String { "zone:{\(shard)}:\(zone)" }
    public static func hold(_ booking: BookingID, _ shard: Shard) -> String { "hold:{\(shard)}:\(booking)" }
    /// A user's tickets, rate bucket and idempotency records of reserves, for one event.
    public static func user(_ user: UserID, _ event: EventID, _ shard: Shard) -> String { "user:{\(shard)}:\(event):\(user)" }
    /// The bookings a user made in the last day, by time, so that lists show them before PostgreSQL does.
    public static func mine(_ user: UserID, _ shard: Shard) -> String { "mine:{\(shard)}:\(user)" }
    /// Bookings by the moment at which their hold ends.
    public static func due(_ shard: Shard) -> String { "due:{\(shard)}" }
    public static func outbox(_ shard: Shard) -> String { "outbox:{\(shard)}" }
    /// One byte a seat: `f`ree, `h`eld, `s`old.
    public static func seats(_ zone: ZoneID, _ shard: Shard) -> String { "seats:{\(shard)}:\(zone)" }
    /// Seat id to its place in ``seats(_:_:)``.
    public static func seatNumbers(_ zone: ZoneID, _ shard: Shard) -> String { "seatno:{\(shard)}:\(zone)" }
    public static func epoch(_ shard: Shard) -> String { "epoch:{\(shard)}" }
    /// The run_id of the Redis whose state was checked.
    public static func trusted(_ shard: Shard) -> String { "trusted:{\(shard)}" }
    /// End offsets of booking.events up to which this Redis has seen everything.
    public static func mark(_ shard: Shard) -> String { "mark:{\(shard)}" }
    public static func lease(_ purpose: String, _ shard: Shard) -> String { "lease:{\(shard)}:\(purpose)" }
    public static func operation(_ operation: OperationID, _ shard: Shard) -> String { "op:{\(shard)}:\(operation)" }
    /// The idempotency record of a write on a booking: user, route and resource.
    public static func idempotency(_ route: String, _ key: String, _ user: UserID, _ booking: BookingID, _ shard: Shard) -> String {
        "idem:{\(shard)}:\(route):\(booking):\(user):\(key)"
    }
    /// The token bucket of one endpoint class for a user or an address.
    public static func rate(_ endpoint: String, _ who: String) -> String { "rate:{\(who)}:\(endpoint)" }
}
