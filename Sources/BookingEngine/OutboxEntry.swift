public import Domain
public import KafkaClient
import RedisClient

/// A message that a script wrote to the outbox of its shard, on its way to a topic.
public struct OutboxEntry: Equatable, Sendable {
    /// The stream entry's id; its first part is the Redis time of the transition in ms.
    public let id: String
    public let shard: Shard
    public let type: MessageType
    /// The record's key: the booking id.
    public let key: String
    /// What makes the message's id unique beside key and type: the booking's version, or the operation's id.
    public let version: String
    /// W3C traceparent of the request behind it, or empty.
    public let trace: String
    /// Where the request behind it came from, as ``RequestOrigin/json``, or empty.
    public let origin: String
    /// The JSON value.
    public let value: [UInt8]

    public init(id: String, shard: Shard, type: MessageType, key: String, version: String, trace: String, origin: String = "", value: [UInt8]) {
        self.id = id
        self.shard = shard
        self.type = type
        self.key = key
        self.version = version
        self.trace = trace
        self.origin = origin
        self.value = value
    }

    /// Reads one element of an `XRANGE` reply; `nil` for what no script of ours wrote.
    init?(_ reply: RedisReply, shard: Shard) {
        guard let parts = reply.elements, parts.count == 2, let id = parts[0].text, let fields = parts[1].elements else { return nil }
        var found: [String: RedisReply] = [:]
        for index in stride(from: 0, to: fields.count - 1, by: 2) { found[fields[index].text ?? ""] = fields[index + 1] }
        guard let type = found["type"]?.text.flatMap(MessageType.init(rawValue:)), let key = found["key"]?.text,
            let version = found["version"]?.text, let value = found["value"]?.bytes
        else { return nil }
        self.init(
            id: id, shard: shard, type: type, key: key, version: version, trace: found["trace"]?.text ?? "", origin: found["origin"]?.text ?? "",
            value: value)
    }

    /// The record for the topic of its type, in CloudEvents' binary mode. A second copy has the same `ce_id`.
    public var record: KafkaRecord {
        let time = Int64(id.prefix { $0 != "-" }) ?? 0
        return CloudEvent(
            type: type, id: "\(key)/\(version)/\(type.rawValue)", subject: key, time: Timestamp(ms: time), trace: trace, origin: origin, value: value
        ).record
    }
}
