/// Measures how fast a replay goes, and says so now and then.
struct Meter {
    /// The pause between two reports.
    private static let pause = Duration.milliseconds(250)

    let id: String
    var phase: String
    var total: Int64
    private(set) var read: Int64
    private(set) var taken: Int64
    private let start = ContinuousClock.now
    private let readBefore: Int64
    private var last: ContinuousClock.Instant?

    /// - Parameter read: records read before, when it was begun earlier.
    init(id: String, phase: String, total: Int64, read: Int64 = 0, taken: Int64 = 0) {
        self.id = id
        self.phase = phase
        self.total = total
        self.read = read
        self.taken = taken
        readBefore = read
    }

    /// Seconds since it was begun or resumed.
    var seconds: Double { Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000 }

    /// Counts; returns what to report, when it is time again.
    mutating func add(read: Int64, taken: Int64) -> ReplayProgress? {
        self.read += read
        self.taken += taken
        let now = ContinuousClock.now
        if let last, now < last + Self.pause, self.read < total { return nil }
        last = now
        return state
    }

    /// How it stands.
    var state: ReplayProgress {
        let perSecond = seconds > 0 ? Double(read - readBefore) / seconds : 0
        return ReplayProgress(
            id: id, phase: phase, read: read, total: total, taken: taken, perSecond: perSecond,
            secondsLeft: perSecond > 0 ? Double(max(0, total - read)) / perSecond : nil)
    }
}
