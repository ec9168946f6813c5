/// One argument of a command or script.
public enum RedisArgument: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// Sent as UTF-8.
    case string(String)
    /// Sent as it is; any bytes.
    case bytes([UInt8])
    /// Sent in decimal.
    case int(Int64)

    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A number.
    public init(integerLiteral value: Int64) { self = .int(value) }
}

/// One command, already in RESP, encoded on the thread of its caller into one buffer.
///
/// Not for commands that block or push (BLPOP, XREAD BLOCK, SUBSCRIBE, MONITOR): the connection is shared by all callers.
public struct RedisCommand: Sendable {
    /// The command's name, for errors.
    public let name: String
    /// Bulk strings so far, the name included.
    public private(set) var count: Int
    /// The bulk strings; the array header is written when the command is submitted, because only then the count is final.
    private(set) var body: [UInt8]

    /// A command of strings: `RedisCommand("GET", key)`.
    public init(_ parts: String...) {
        self.init(parts.first ?? "", reserving: parts.reduce(0) { $0 + $1.utf8.count + Self.overhead })
        for part in parts.dropFirst() { append(part) }
    }

    /// A command with arguments of any kind.
    public init(_ name: String, _ arguments: [RedisArgument]) {
        self.init(name, reserving: arguments.reduce(name.utf8.count) { $0 + $1.sizeEstimate + Self.overhead })
        for argument in arguments { append(argument) }
    }

    /// A command without arguments yet and room for `reserving` bytes.
    public init(_ name: String, reserving: Int) {
        self.name = name
        count = 0
        body = []
        body.reserveCapacity(reserving + name.utf8.count + Self.overhead)
        append(name)
    }

    /// A command whose first bulk strings are encoded already.
    init(name: String, prefix: [UInt8], prefixCount: Int, reserving: Int) {
        self.name = name
        count = prefixCount
        body = []
        body.reserveCapacity(prefix.count + reserving)
        body.append(contentsOf: prefix)
    }

    /// Adds a string argument.
    public mutating func append(_ argument: String) {
        var argument = argument
        argument.withUTF8 { appendBulk(UnsafeRawBufferPointer($0)) }
    }

    /// Adds an argument of any bytes.
    public mutating func append(_ argument: [UInt8]) {
        argument.withUnsafeBytes { appendBulk($0) }
    }

    /// Adds a number in decimal.
    public mutating func append(_ argument: Int64) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body.appendDecimal(Int64(argument.decimalWidth))
        body.appendLineEnd()
        body.appendDecimal(argument)
        body.appendLineEnd()
    }

    /// Adds an argument.
    public mutating func append(_ argument: RedisArgument) {
        switch argument {
        case .string(let text): append(text)
        case .bytes(let bytes): append(bytes)
        case .int(let value): append(value)
        }
    }

    /// `$n\r\n` and `\r\n` around an argument.
    static let overhead = 16

    private mutating func appendBulk(_ bytes: UnsafeRawBufferPointer) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body.appendDecimal(Int64(bytes.count))
        body.appendLineEnd()
        body.append(contentsOf: bytes)
        body.appendLineEnd()
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
    /// Adds a whole command as it goes over the wire.
    mutating func append(_ command: RedisCommand) {
        append(UInt8(ascii: "*"))
        appendDecimal(Int64(command.count))
        appendLineEnd()
        append(contentsOf: command.body)
    }

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
