public import Domain

/// The names of the Redis keys (ARCHITECTURE, Redis). The braces are the hash tag: all keys of a shard are in one slot.
public enum Keys {
    public static func zone(_ zone: ZoneID, _ shard: Shard) -> String { key("zone:", shard, zone.bits) }
    public static func hold(_ booking: BookingID, _ shard: Shard) -> String { key("hold:", shard, booking.bits) }
    /// What a user has in a shard: `n:E` tickets and `r:E` rate bucket of event E, `i:K` the reserve with Idempotency-Key K.
    public static func user(_ user: UserID, _ shard: Shard) -> String { key("user:", shard, user.bits) }
    /// Bookings by the moment at which their hold ends.
    public static func due(_ shard: Shard) -> String { "due:{\(shard)}" }
    public static func outbox(_ shard: Shard) -> String { "outbox:{\(shard)}" }
    /// One byte a seat: `f`ree, `h`eld, `s`old.
    public static func seats(_ zone: ZoneID, _ shard: Shard) -> String { key("seats:", shard, zone.bits) }
    /// Seat id to its place in ``seats(_:_:)``.
    public static func seatNumbers(_ zone: ZoneID, _ shard: Shard) -> String { key("seatno:", shard, zone.bits) }
    public static func epoch(_ shard: Shard) -> String { "epoch:{\(shard)}" }
    /// The run_id of the Redis whose state was checked.
    public static func trusted(_ shard: Shard) -> String { "trusted:{\(shard)}" }
    /// End offsets of booking.events up to which this Redis has seen everything.
    public static func mark(_ shard: Shard) -> String { "mark:{\(shard)}" }
    /// End offsets of queue.events up to which this Redis has seen everything.
    public static func queueMark(_ shard: Shard) -> String { "queuemark:{\(shard)}" }
    public static func lease(_ purpose: String, _ shard: Shard) -> String { "lease:{\(shard)}:\(purpose)" }
    public static func operation(_ operation: OperationID, _ shard: Shard) -> String { key("op:", shard, operation.bits) }
    /// The ids of an event's zones.
    public static func zones(_ event: EventID, _ shard: Shard) -> String { key("zones:", shard, event.bits) }
    /// An event's line as a whole: mode, seed, counters.
    public static func queue(_ event: EventID, _ shard: Shard) -> String { key("queue:", shard, event.bits) }
    /// Events that have a line, or may need one.
    public static func queues(_ shard: Shard) -> String { "queues:{\(shard)}" }
    public static func payment(_ payment: PaymentID, _ shard: Shard) -> String { key("payment:", shard, payment.bits) }
    /// The idempotency record of a write: route, the id of what it is about, user and key.
    public static func idempotency(_ route: String, _ key: String, _ user: UserID, _ resource: String, _ shard: Shard) -> String {
        "idem:{\(shard)}:\(route):\(resource):\(user):\(key)"
    }
    /// The token bucket of one endpoint class for a user or an address.
    public static func rate(_ endpoint: String, _ who: String) -> String { "rate:{\(who)}:\(endpoint)" }

    /// `prefix{shard}:id`, in one allocation: a reserve makes eight keys.
    private static func key(_ prefix: StaticString, _ shard: Shard, _ id: UUIDBits) -> String {
        let length = prefix.utf8CodeUnitCount
        return String(unsafeUninitializedCapacity: length + 5 + 36) { buffer in
            for index in 0..<length { buffer[index] = prefix.utf8Start[index] }
            var position = length
            func put(_ byte: UInt8) {
                buffer[position] = byte
                position += 1
            }
            put(UInt8(ascii: "{"))
            if shard.number >= 10 { put(UInt8(ascii: "0") + UInt8(shard.number / 10)) }
            put(UInt8(ascii: "0") + UInt8(shard.number % 10))
            put(UInt8(ascii: "}"))
            put(UInt8(ascii: ":"))
            id.write(to: buffer, at: position)
            return position + 36
        }
    }
}
