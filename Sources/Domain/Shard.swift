/// One of the 64 hash tags that keep what one script touches in one Redis slot; fixed for ever by the event's id.
public struct Shard: Hashable, Sendable, CustomStringConvertible {
    /// How many shards there are. It is part of every stored key, so it never changes.
    public static let count = 64

    /// Every shard, in order.
    public static let all: [Shard] = (0..<count).map { Shard(truncating: UInt64($0)) }

    /// 0 to 63.
    public let number: Int

    /// The lowest six bits of `bits`.
    public init(truncating bits: UInt64) {
        number = Int(bits & 63)
    }

    /// The shard of everything that belongs to an event: FNV-1a over the id's bytes.
    public init(of event: EventID) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for word in [event.bits.high, event.bits.low] {
            for byte in 0..<8 {
                hash = (hash ^ (word >> UInt64(56 - 8 * byte) & 0xff)) &* 0x100_0000_01b3
            }
        }
        // The low bits of FNV are its weakest; folding brings the high ones in.
        self.init(truncating: hash ^ hash >> 32)
    }

    public var description: String { String(number) }
}
