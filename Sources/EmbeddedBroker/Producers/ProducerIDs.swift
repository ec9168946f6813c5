/// Gives producer ids out, none ever twice: a block is reserved in the state log, durably, before any of it is used.
///
/// A second client with the id of an earlier one would have its batches taken for repetitions: acknowledged and dropped.
struct ProducerIDs {
    /// Ids reserved at a time.
    static let blockSize: Int64 = 1_000

    private var next: Int64
    private var usableBelow: Int64
    private var isReserving = false

    /// Goes on at `next`; nothing is usable before a reservation is stored.
    init(next: Int64) {
        self.next = next
        usableBelow = next
    }

    /// An id, or nil while none is reserved.
    mutating func take() -> Int64? {
        guard next < usableBelow else { return nil }
        defer { next += 1 }
        return next
    }

    /// The bound to store now, when less than half a block is left and no reservation is under way.
    mutating func reservation() -> Int64? {
        guard !isReserving, usableBelow - next < Self.blockSize / 2 else { return nil }
        isReserving = true
        return usableBelow + Self.blockSize
    }

    /// The reservation up to `bound` was stored, or not.
    mutating func reserved(below bound: Int64, stored: Bool) {
        isReserving = false
        if stored { usableBelow = max(usableBelow, bound) }
    }
}
