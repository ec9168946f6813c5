/// Where a request came from: what the audit keeps of it beside who made it.
public struct RequestOrigin: Equatable, Sendable {
    /// The header of a Kafka message that carries it, as ``json``.
    public static let header = "origin"
    /// Longest User-Agent that is kept, in bytes.
    private static let longestAgent = 256

    /// The client's network address.
    public var address: String?
    /// The client's User-Agent, or the name of the tool.
    public var agent: String?
    public var requestID: String?

    public init(address: String? = nil, agent: String? = nil, requestID: String? = nil) {
        self.address = address
        self.agent = agent.map { $0.utf8.count <= Self.longestAgent ? $0 : String(decoding: $0.utf8.prefix(Self.longestAgent), as: UTF8.self) }
        self.requestID = requestID
    }
}

extension RequestOrigin {
    /// The JSON object.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { write(&$0) }
        return writer.bytes
    }

    /// Reads the JSON object.
    /// - Throws: ``JSONError`` that names the member.
    public init(json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        var origin = RequestOrigin()
        try reader.object { (key, value) throws(JSONError) in if try !origin.take(key, from: &value) { try value.skip() } }
        try reader.end()
        self = origin
    }

    /// Writes the members into an object that has others.
    func write(_ writer: inout JSONWriter) {
        writer.member("address", ifPresent: address)
        writer.member("agent", ifPresent: agent)
        writer.member("request_id", ifPresent: requestID)
    }

    /// Takes one of its members.
    /// - Returns: whether it is one.
    mutating func take(_ key: String, from value: inout JSONReader) throws(JSONError) -> Bool {
        switch key {
        case "address": address = try value.string()
        case "agent": agent = try value.string()
        case "request_id": requestID = try value.string()
        default: return false
        }
        return true
    }
}
