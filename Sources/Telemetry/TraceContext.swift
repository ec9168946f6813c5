import Logging
import Synchronization

/// Where a piece of work stands in a distributed trace (W3C Trace Context, level 1).
public struct TraceContext: Sendable, Hashable {
    /// The first 8 bytes of the trace id.
    public let traceHigh: UInt64
    /// The last 8 bytes of the trace id.
    public let traceLow: UInt64
    /// The id of this step; the parent of what it calls.
    public let span: UInt64
    /// Whether the caller records this trace.
    public let isSampled: Bool

    /// The context of the running task, put on each log line as `trace_id` and `span_id`.
    @TaskLocal public static var current: TraceContext?

    static let metadataProvider = Logger.MetadataProvider {
        guard let current = TraceContext.current else { return [:] }
        return ["trace_id": "\(current.traceID)", "span_id": "\(current.spanID)"]
    }

    /// A new trace with a first span.
    public init(isSampled: Bool = true) {
        self.init(traceHigh: Self.randomID(), traceLow: Self.randomID(), span: Self.randomID(), isSampled: isSampled)
    }

    init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, isSampled: Bool) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.span = span
        self.isSampled = isSampled
    }

    /// Reads a `traceparent` header; nil when it breaks the format, so that the caller starts a trace of its own.
    ///
    /// A version above 00 is read as 00, with whatever it appends ignored (section 3.2.4 of the recommendation).
    public init?(header: some StringProtocol) {
        var bytes = [UInt8]()
        bytes.reserveCapacity(Self.headerBytes)
        for byte in header.utf8.prefix(Self.headerBytes + 1) { bytes.append(byte) }
        guard bytes.count >= Self.headerBytes, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Self.number(bytes[0..<2]), version != 0xff,
            bytes.count == Self.headerBytes || (version > 0 && bytes[Self.headerBytes] == Self.dash),
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]), high != 0 || low != 0,
            let span = Self.number(bytes[36..<52]), span != 0, let flags = Self.number(bytes[53..<55])
        else { return nil }
        self.init(traceHigh: high, traceLow: low, span: span, isSampled: flags & 1 == 1)
    }

    /// The same trace with a new span: what a step hands to those it calls.
    public func child() -> TraceContext {
        TraceContext(traceHigh: traceHigh, traceLow: traceLow, span: Self.randomID(), isSampled: isSampled)
    }

    /// The value of the `traceparent` header.
    public var headerText: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// 32 hexadecimal digits.
    public var traceID: String { Self.hexadecimal(traceHigh) + Self.hexadecimal(traceLow) }

    /// 16 hexadecimal digits.
    public var spanID: String { Self.hexadecimal(span) }

    private static let headerBytes = 55
    private static let dash = UInt8(ascii: "-")

    // One getrandom at the start and a counter through splitmix64 after it: ids need be unlikely to meet, not secret, and a
    // system call for each of three ids in each request is not free.
    private static let seed = UInt64.random(in: .min ... .max)
    private static let counter = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    private static func randomID() -> UInt64 {
        var mixed = counter.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue ^ seed
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return mixed == 0 ? 1 : mixed
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15
                buffer[index] = digit < 10 ? 48 + digit : 87 + digit
            }
            return 16
        }
    }

    /// Lower-case hexadecimal only, as the recommendation demands.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 48...57: value = value << 4 | UInt64(digit - 48)
            case 97...102: value = value << 4 | UInt64(digit - 87)
            default: return nil
            }
        }
        return value
    }
}
