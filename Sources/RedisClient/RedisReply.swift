/// A reply of Redis (RESP2).
public enum RedisReply: Sendable, Equatable {
    /// The null bulk or null array: no such key.
    case null
    /// `:1`
    case integer(Int64)
    /// A bulk string; any bytes.
    case string([UInt8])
    /// `+OK`
    case status(String)
    /// `-ERR …`; inside a pipeline or an array only, else it is thrown.
    case error(String)
    /// An array; hiredis' reader allows seven levels.
    case array([RedisReply])

    /// The integer, or a bulk string that spells one.
    public var int: Int64? {
        switch self {
        case .integer(let value): value
        case .string(let bytes): Self.decimal(bytes)
        case .status(let text): Int64(text)
        case .null, .error, .array: nil
        }
    }

    /// The bulk string or status as text (invalid UTF-8 is replaced), or an integer's digits.
    public var text: String? {
        switch self {
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .integer(let value): String(value)
        case .null, .error, .array: nil
        }
    }

    /// The bulk string's bytes.
    public var bytes: [UInt8]? {
        switch self {
        case .string(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .null, .integer, .error, .array: nil
        }
    }

    /// The array's replies.
    public var elements: [RedisReply]? {
        guard case .array(let replies) = self else { return nil }
        return replies
    }

    /// Redis' error text.
    public var errorMessage: String? {
        guard case .error(let message) = self else { return nil }
        return message
    }

    /// Whether it is the null reply.
    public var isNull: Bool { self == .null }

    /// This reply, or the error that it is.
    /// - Throws: ``RedisError`` with code `server`.
    public func get(operation: String) throws(RedisError) -> RedisReply {
        guard case .error(let message) = self else { return self }
        throw RedisError.server(message, operation: operation)
    }

    private static func decimal(_ bytes: [UInt8]) -> Int64? {
        guard !bytes.isEmpty, bytes.count <= 20 else { return nil }
        return Int64(String(decoding: bytes, as: UTF8.self))
    }
}
