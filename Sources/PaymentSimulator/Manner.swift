/// How a request is treated: as it should be, or in one of the ways in which gateways fail.
struct Manner {
    enum Before {
        case proceed
        /// No answer, no effect.
        case hang
        /// 500, no effect.
        case fail
        /// 429, no effect.
        case tooMany
        /// The connection is closed, no effect.
        case close
    }

    enum After {
        case answer
        case hang
        case fail
        case close
        /// So many milliseconds late.
        case late(Int64)
        case twice
        case afterWebhook
    }

    var before = Before.proceed
    /// How much later than the request the effect comes, in milliseconds.
    var effectDelayMs: Int64 = 0
    var after = After.answer

    /// As the payment method wants it.
    /// - Parameter attempt: how often this intent's confirmation has arrived, 1 for the first.
    init(_ answer: PaymentToken.Answer, attempt: Int, lateMs: Int64) {
        switch answer {
        case .normal: break
        case .hangsBefore: before = .hang
        case .hangsOnce: if attempt == 1 { before = .hang }
        case .hangsAfter: after = .hang
        case .hangsThenEffect:
            effectDelayMs = lateMs
            after = .hang
        case .late: after = .late(lateMs)
        case .failsOnce: if attempt == 1 { before = .fail }
        case .failsAfter: after = .fail
        case .closesAfter: after = .close
        case .twice: after = .twice
        case .afterWebhook: after = .afterWebhook
        }
    }

    init(before: Before = .proceed, after: After = .answer) {
        self.before = before
        self.after = after
    }

    /// Whether nothing is unusual about it.
    var isNormal: Bool {
        if case .proceed = before, case .answer = after, effectDelayMs == 0 { true } else { false }
    }
}

/// Random failures that the same seed repeats (SplitMix64).
struct Chaos: RandomNumberGenerator {
    private let fraction: Double
    private var state: UInt64

    init(fraction: Double, seed: UInt64) {
        self.fraction = fraction
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Whether this one fails.
    mutating func strikes() -> Bool { fraction > 0 && Double.random(in: 0..<1, using: &self) < fraction }

    /// How this request fails; nil lets it be.
    mutating func manner() -> Manner? {
        guard strikes() else { return nil }
        switch Int.random(in: 0..<9, using: &self) {
        case 0: return Manner(before: .hang)
        case 1: return Manner(before: .fail)
        case 2: return Manner(before: .tooMany)
        case 3: return Manner(before: .close)
        case 4: return Manner(after: .hang)
        case 5: return Manner(after: .fail)
        case 6: return Manner(after: .close)
        case 7: return Manner(after: .twice)
        default: return Manner(after: .late(Int64.random(in: 100...2_000, using: &self)))
        }
    }

    /// How this event is told; nil as it should be.
    mutating func events() -> PaymentToken.Events? {
        guard strikes() else { return nil }
        switch Int.random(in: 0..<4, using: &self) {
        case 0: return .late
        case 1: return .outOfOrder
        case 2: return .forged
        default: return .twice
        }
    }
}
