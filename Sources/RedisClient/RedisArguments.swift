/// Arguments in RESP, so that those of many callers join into one command without being encoded again.
public struct RedisArguments: Sendable {
    /// Bulk strings so far.
    public private(set) var count: Int
    /// The bulk strings, one after the other.
    private(set) var bytes: [UInt8]

    /// None yet, and room for `reserving` bytes.
    public init(reserving: Int = 0) {
        count = 0
        bytes = []
        bytes.reserveCapacity(reserving)
    }

    /// Bulk strings that are encoded already.
    init(encoded: [UInt8], count: Int, reserving: Int) {
        self.init(reserving: encoded.count + reserving)
        bytes.append(contentsOf: encoded)
        self.count = count
    }

    /// Adds a string.
    public mutating func append(_ argument: String) {
        var argument = argument
        argument.withUTF8 { appendBulk(UnsafeRawBufferPointer($0)) }
    }

    /// Adds any bytes.
    public mutating func append(_ argument: [UInt8]) {
        argument.withUnsafeBytes { appendBulk($0) }
    }

    /// Adds a number in decimal.
    public mutating func append(_ argument: Int64) {
        count += 1
        bytes.append(UInt8(ascii: "$"))
        bytes.appendDecimal(Int64(argument.decimalWidth))
        bytes.appendLineEnd()
        bytes.appendDecimal(argument)
        bytes.appendLineEnd()
    }

    /// Adds an argument.
    public mutating func append(_ argument: RedisArgument) {
        switch argument {
        case .string(let text): append(text)
        case .bytes(let bytes): append(bytes)
        case .int(let value): append(value)
        }
    }

    /// Adds all of another's.
    public mutating func append(contentsOf other: RedisArguments) {
        count += other.count
        bytes.append(contentsOf: other.bytes)
    }

    /// `$n\r\n` and `\r\n` around an argument.
    static let overhead = 16

    private mutating func appendBulk(_ argument: UnsafeRawBufferPointer) {
        count += 1
        bytes.append(UInt8(ascii: "$"))
        bytes.appendDecimal(Int64(argument.count))
        bytes.appendLineEnd()
        bytes.append(contentsOf: argument)
        bytes.appendLineEnd()
    }
}

extension RedisArgument {
    /// Bytes that its encoding may need.
    var sizeEstimate: Int {
        switch self {
        case .string(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .int: 20
        }
    }
}

extension [UInt8] {
    /// RESP's line end.
    mutating func appendLineEnd() {
        append(UInt8(ascii: "\r"))
        append(UInt8(ascii: "\n"))
    }

    /// Adds decimal digits without making a String.
    mutating func appendDecimal(_ value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        self[start...].reverse()
    }
}

extension Int64 {
    /// Characters of the decimal form, the sign included.
    var decimalWidth: Int {
        var width = self < 0 ? 2 : 1
        var rest = magnitude / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        return width
    }
}
