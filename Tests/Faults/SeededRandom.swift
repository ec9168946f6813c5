import Foundation
import Synchronization

/// Random moments that can be had again: SplitMix64 (Steele, Lea, Flood 2014) from a seed.
final class SeededRandom: Sendable {
    /// The seed of all sequences of this process.
    static let seedOfThisRun =
        ProcessInfo.processInfo.environment["BOOKING_RUSH_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64(UInt32.max))

    private let state: Mutex<UInt64>

    /// The sequence of one component in one test, which does not depend on what others draw.
    init(for name: String) {
        state = Mutex(name.utf8.reduce(Self.seedOfThisRun) { ($0 &* 0x0000_0100_0000_01b3) ^ UInt64($1) })
    }

    /// The next of the sequence.
    func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    /// Lets time pass until a random moment: that a kill comes at no particular one is the point of it.
    func pause(from shortest: Duration, to longest: Duration) async throws {
        let part = Double(next() % 1_000_000) / 1_000_000
        try await Task.sleep(for: shortest + (longest - shortest) * part)
    }
}
