import BookingEngine

/// How far the events of after the last recovery have been looked through for late ones, as `late:{0}` keeps it; without one there was no recovery.
struct LatePosition: Equatable, Sendable {
    static let key = "late:{0}"

    /// Of what comes since that recovery; what is older is late.
    let epoch: Int64
    /// Per partition of booking.events, the offset of the event to be looked at next.
    var offsets: [Int32: Int64]

    init(epoch: Int64, offsets: [Int32: Int64]) {
        self.epoch = epoch
        self.offsets = offsets
    }

    /// Reads `3 {"0":17,"1":4}`.
    init?(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let epoch = Int64(parts[0]), let mark = Mark(String(parts[1])) else { return nil }
        self.init(epoch: epoch, offsets: mark.offsets)
    }

    var text: String { "\(epoch) \(Mark(offsets).text)" }

    /// The position after a new recovery that read up to `ends`: what was not looked at before still is to be.
    static func after(_ old: LatePosition?, epoch: Int64, ends: [Int32: Int64]) -> LatePosition {
        LatePosition(epoch: epoch, offsets: ends.reduce(into: [:]) { $0[$1.key] = min($1.value, old?.offsets[$1.key] ?? $1.value) })
    }
}
