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
    /// The name and what follows it; the array header is written when the command is submitted, because only then the count is final.
    private var parts: RedisArguments

    /// Bulk strings so far, the name included.
    public var count: Int { parts.count }
    /// The bulk strings.
    var body: [UInt8] { parts.bytes }

    /// A command of strings: `RedisCommand("GET", key)`.
    public init(_ parts: String...) {
        self.init(parts.first ?? "", reserving: parts.reduce(0) { $0 + $1.utf8.count + RedisArguments.overhead })
        for part in parts.dropFirst() { append(part) }
    }

    /// A command with arguments of any kind.
    public init(_ name: String, _ arguments: [RedisArgument]) {
        self.init(name, reserving: arguments.reduce(name.utf8.count) { $0 + $1.sizeEstimate + RedisArguments.overhead })
        for argument in arguments { append(argument) }
    }

    /// A command without arguments yet and room for `reserving` bytes.
    public init(_ name: String, reserving: Int) {
        self.name = name
        parts = RedisArguments(reserving: reserving + name.utf8.count + RedisArguments.overhead)
        append(name)
    }

    /// A command whose first bulk strings are encoded already.
    init(name: String, parts: RedisArguments) {
        self.name = name
        self.parts = parts
    }

    /// Adds a string argument.
    public mutating func append(_ argument: String) { parts.append(argument) }

    /// Adds an argument of any bytes.
    public mutating func append(_ argument: [UInt8]) { parts.append(argument) }

    /// Adds a number in decimal.
    public mutating func append(_ argument: Int64) { parts.append(argument) }

    /// Adds an argument.
    public mutating func append(_ argument: RedisArgument) { parts.append(argument) }
}

extension [UInt8] {
    /// Adds a whole command as it goes over the wire.
    mutating func append(_ command: RedisCommand) {
        append(UInt8(ascii: "*"))
        appendDecimal(Int64(command.count))
        appendLineEnd()
        append(contentsOf: command.body)
    }
}
