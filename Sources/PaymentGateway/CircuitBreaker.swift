/// Keeps calls away from a gateway that fails, so that they fail at once and it gets room to recover. A pure state machine; the caller brings the clock.
struct CircuitBreaker {
    /// Leave to make one call; its outcome is told with it.
    struct Permit {
        fileprivate let generation: UInt64
    }

    private enum State {
        case closed(failures: Int)
        case open(until: ContinuousClock.Instant, pause: Duration)
        /// One call is under way to see whether the gateway is back.
        case halfOpen(pause: Duration)
    }

    private let threshold: Int
    private let minimum: Duration
    private let maximum: Duration
    private var state = State.closed(failures: 0)
    /// Raised with each change of state: what calls of an earlier state tell is old news.
    private var generation: UInt64 = 0

    init(threshold: Int, minimum: Duration, maximum: Duration) {
        self.threshold = threshold
        self.minimum = minimum
        self.maximum = maximum
    }

    /// Whether a call made now would be let through without being the probe.
    var isClosed: Bool { if case .closed = state { true } else { false } }

    /// A permit, or how long to wait.
    mutating func request(now: ContinuousClock.Instant) -> (permit: Permit?, wait: Duration) {
        switch state {
        case .closed: return (Permit(generation: generation), .zero)
        case .open(let until, let pause):
            guard until <= now else { return (nil, until - now) }
            enter(.halfOpen(pause: pause))
            return (Permit(generation: generation), .zero)
        case .halfOpen(let pause): return (nil, pause)
        }
    }

    /// The gateway answered.
    mutating func succeeded(_ permit: Permit) {
        guard permit.generation == generation else { return }
        switch state {
        case .closed: state = .closed(failures: 0)
        case .open: break
        case .halfOpen: enter(.closed(failures: 0))
        }
    }

    /// The gateway failed.
    mutating func failed(_ permit: Permit, now: ContinuousClock.Instant) {
        guard permit.generation == generation else { return }
        switch state {
        case .closed(let failures):
            if threshold > 0, failures + 1 >= threshold {
                enter(.open(until: now + minimum, pause: minimum))
            } else {
                state = .closed(failures: failures + 1)
            }
        case .open: break
        case .halfOpen(let pause):
            let longer = min(pause * 2, maximum)
            enter(.open(until: now + longer, pause: longer))
        }
    }

    /// The call ended without a word about the gateway: cancelled, or never sent. A probe is given to the next caller.
    mutating func abandoned(_ permit: Permit, now: ContinuousClock.Instant) {
        guard permit.generation == generation, case .halfOpen(let pause) = state else { return }
        enter(.open(until: now, pause: pause))
    }

    private mutating func enter(_ next: State) {
        generation += 1
        state = next
    }
}
