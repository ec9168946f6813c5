/// Lets at most so many records pass a second, evenly.
struct Pace: Sendable {
    private let rate: Int?
    private let start = ContinuousClock.now
    private var passed: Int64 = 0

    /// - Parameter rate: records a second; nil lets all pass.
    init(rate: Int?) {
        self.rate = rate
    }

    /// Records that may pass at a time: a tenth of a second's, so that a low rate does not come in bursts.
    func portion(atMost limit: Int) -> Int {
        guard let rate else { return limit }
        return min(limit, max(1, rate / 10))
    }

    /// Notes records that have passed, and waits until the next may.
    /// - Throws: `CancellationError`
    mutating func pass(_ count: Int) async throws {
        passed += Int64(count)
        guard let rate else { return try Task.checkCancellation() }
        try await Task.sleep(until: start + .milliseconds(passed * 1000 / Int64(rate)), clock: .continuous)
    }
}
