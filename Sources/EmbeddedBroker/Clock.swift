import Glibc

/// The two clocks that the broker reads.
enum Clock {
    /// Milliseconds since 1970.
    static func nowMs() -> Int64 { read(CLOCK_REALTIME) }

    /// Milliseconds of a clock that is never set; for deadlines.
    static func steadyMs() -> Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
