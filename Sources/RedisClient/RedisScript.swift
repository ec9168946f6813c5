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
        var size = 8
        for key in keys { size += key.utf8.count + RedisCommand.overhead }
        for argument in arguments { size += argument.sizeEstimate + RedisCommand.overhead }
        var command = RedisCommand(name: name, prefix: prefix, prefixCount: 2, reserving: size)
        command.append(Int64(keys.count))
        for key in keys { command.append(key) }
        for argument in arguments { command.append(argument) }
        return command
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
