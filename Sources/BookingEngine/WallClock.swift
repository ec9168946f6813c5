public import Domain
import Glibc

extension BookingEngine {
    /// Milliseconds since the Unix epoch by this machine's clock. Redis' own time decides; this one only names and asks.
    public static func wallClockMs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Timestamp {
    /// This machine's clock.
    public static var now: Timestamp { Timestamp(ms: BookingEngine.wallClockMs()) }
}
