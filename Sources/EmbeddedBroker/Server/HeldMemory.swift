/// Counts what connections make the broker hold over many turns of the event loop: half-received requests and answers that are not read.
///
/// Confined to the event loop. Each connection is bounded by itself; this bounds all of them together. When there is too much, the connection that got on the
/// longest ago gives way: an honest client finishes its request or reads its answer in a moment, and comes again if it was cut off.
struct HeldMemory {
    private struct Holder {
        unowned let connection: Connection
        var bytes: Int
        /// Grows with every connection that gets on; the lowest has waited longest.
        var turn: UInt64
    }

    private var holders: [ObjectIdentifier: Holder] = [:]
    private var nextTurn: UInt64 = 0
    /// Bytes held by all.
    private(set) var total = 0

    /// `connection` holds this much now; `hasProgressed` says that a request was completed or an answer was read since the last call.
    mutating func note(_ connection: Connection, bytes: Int, hasProgressed: Bool) {
        let key = ObjectIdentifier(connection)
        let old = holders[key]
        total += bytes - (old?.bytes ?? 0)
        guard bytes > 0 else {
            holders[key] = nil
            return
        }
        var turn = old?.turn ?? nextTurn
        if old == nil || hasProgressed {
            turn = nextTurn
            nextTurn += 1
        }
        holders[key] = Holder(connection: connection, bytes: bytes, turn: turn)
    }

    /// The connection that must give way, or nil while there is room. The caller notes that it holds nothing any more.
    func victim(limit: Int = BrokerLimits.maxHeldBytes) -> Connection? {
        guard total > limit else { return nil }
        return holders.values.min { $0.turn < $1.turn }?.connection
    }
}
