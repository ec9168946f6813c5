public import Domain

extension BookingEngine {
    /// Milliseconds since the Unix epoch by this machine's clock. Redis' own time decides; this one only names and asks.
    public static func wallClockMs() -> Int64 { WallClock.nowMs() }
}

extension Timestamp {
    /// This machine's clock.
    public static var now: Timestamp { Timestamp(ms: WallClock.nowMs()) }
}
