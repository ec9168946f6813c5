import Glibc

/// The time of day by this machine's clock: for names, headers and ages. What is due is decided by Redis' own time.
public enum WallClock {
    /// Milliseconds since 1970.
    public static func nowMs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
