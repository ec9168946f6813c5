/// A Lua script, called by its SHA-1 (EVALSHA).
public struct RedisScript: Sendable {
    /// For errors and metrics; bounded.
    public let name: String
    /// The Lua text.
    public let source: String
    /// Lower-case hexadecimal SHA-1 of the source, computed here once.
    public let sha1: String
    /// `EVALSHA` and the digest as bulk strings.
    let prefix: [UInt8]

    /// Computes the digest.
    public init(name: String, source: String) {
        self.name = name
        self.source = source
        sha1 = SHA1.hex(Array(source.utf8))
        prefix = Array("$7\r\nEVALSHA\r\n$40\r\n\(sha1)\r\n".utf8)
    }

    /// The EVALSHA command of one call.
    func command(keys: [String], arguments: [RedisArgument]) -> RedisCommand {
        var size = 24
        for key in keys { size += key.utf8.count + RedisArguments.overhead }
        for argument in arguments { size += argument.sizeEstimate + RedisArguments.overhead }
        var parts = RedisArguments(encoded: prefix, count: 2, reserving: size)
        parts.append(Int64(keys.count))
        for key in keys { parts.append(key) }
        for argument in arguments { parts.append(argument) }
        return RedisCommand(name: name, parts: parts)
    }

    /// The EVALSHA command of one call whose keys and arguments are encoded already; each list is joined in its order.
    public func command(keys: [RedisArguments], arguments: [RedisArguments]) -> RedisCommand {
        let size = (keys + arguments).reduce(24) { $0 + $1.bytes.count }
        var parts = RedisArguments(encoded: prefix, count: 2, reserving: size)
        parts.append(Int64(keys.reduce(0) { $0 + $1.count }))
        for some in keys { parts.append(contentsOf: some) }
        for some in arguments { parts.append(contentsOf: some) }
        return RedisCommand(name: name, parts: parts)
    }

    /// The SCRIPT LOAD command.
    var load: RedisCommand { RedisCommand("SCRIPT", "LOAD", source) }
}

/// The keys and arguments of one call of a script, for a batch.
public struct RedisScriptCall: Sendable {
    /// KEYS.
    public var keys: [String]
    /// ARGV.
    public var arguments: [RedisArgument]

    /// One call.
    public init(keys: [String], arguments: [RedisArgument]) {
        self.keys = keys
        self.arguments = arguments
    }
}
