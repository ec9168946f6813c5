import Synchronization

/// Random bits for ids and traces: SplitMix64 over a counter that all threads share, started from the system's own randomness.
///
/// The system's generator is a system call for each word, and a reserve needs seven words. These bits must differ, not be secret: what they name is
/// always asked for together with its owner.
public struct RandomBits: RandomNumberGenerator, Sendable {
    private static let counter = Atomic<UInt64>(.random(in: .min ... .max))
    private static let key = UInt64.random(in: .min ... .max)

    public init() {}

    public mutating func next() -> UInt64 {
        var z = Self.counter.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue ^ Self.key
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
