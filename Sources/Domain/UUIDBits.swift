/// The 128 bits of a UUID (RFC 9562), parsed and printed without Foundation, since ids are on the hot path.
public struct UUIDBits: Hashable, Comparable, Sendable {
    /// The first eight bytes, most significant first.
    public let high: UInt64
    /// The last eight bytes.
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The order of the text forms; ids of version 7 come in the order of their making, to the millisecond.
    public static func < (left: UUIDBits, right: UUIDBits) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }

    /// Reads the 36-character text form, in either case; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        var copy = String(text)
        let parsed = copy.withUTF8 { UUIDBits(utf8: $0) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// Reads the 36 bytes of the text form; `nil` for anything else.
    public init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (position, byte) in bytes.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.value(ofHexDigit: byte) else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
            digits += 1
        }
        self.init(high: words.0, low: words.1)
    }

    /// A UUIDv7 (RFC 9562, section 5.7) whose 12 `rand_a` bits end in the shard's six, so that a key is found from its id alone.
    public static func version7(nowMs: Int64, shard: Shard) -> UUIDBits {
        var generator = RandomBits()
        let random = generator.next()
        let randA = (random & 0x3f) << 6 | UInt64(shard.number)
        let high = UInt64(bitPattern: nowMs) << 16 | 0x7000 | randA
        let low = generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        return UUIDBits(high: high, low: low)
    }

    /// The shard that ``version7(nowMs:shard:)`` wrote into the id.
    public var embeddedShard: Shard { Shard(truncating: high) }

    /// The version digit, 7 for ids that carry a shard.
    public var version: Int { Int(high >> 12 & 0xf) }

    private static func value(ofHexDigit byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension UUIDBits: CustomStringConvertible {
    /// The 36-character lower-case text form.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(to: buffer, at: 0)
            return 36
        }
    }

    /// Writes the text form's 36 bytes from `start` on, where the caller has made room.
    public func write(to buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        var position = start
        for byte in 0..<16 {
            if byte == 4 || byte == 6 || byte == 8 || byte == 10 {
                buffer[position] = UInt8(ascii: "-")
                position += 1
            }
            let bits = UInt8(truncatingIfNeeded: (byte < 8 ? high : low) >> UInt64(56 - 8 * (byte & 7)))
            buffer[position] = Self.digit(bits >> 4)
            buffer[position + 1] = Self.digit(bits & 15)
            position += 2
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value &+ (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) }
}
