/// A named value that travels beside a record, as CloudEvents' binary mode and the trace context do.
public struct KafkaHeader: Sendable, Hashable {
    /// The header's name; names may repeat within a record.
    public let name: String
    /// The header's value, uninterpreted.
    public let value: [UInt8]

    /// Makes a header with a binary value.
    public init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Makes a header whose value is text in UTF-8.
    public init(name: String, text: String) {
        self.init(name: name, value: Array(text.utf8))
    }

    /// The value read as UTF-8; bytes that are no UTF-8 show as U+FFFD.
    public var text: String { String(decoding: value, as: UTF8.self) }
}

extension Sequence<KafkaHeader> {
    /// The value of the last header of that name as text, the one that counts where names repeat.
    public func text(_ name: String) -> String? {
        var found: String?
        for header in self where header.name == name { found = header.text }
        return found
    }
}

/// A record to be produced.
public struct KafkaRecord: Sendable {
    /// The topic's name, as declared in `topics/`.
    public var topic: String
    /// A fixed partition, or nil to let the key's murmur2 hash choose, as Kafka's Java client does.
    public var partition: Int32?
    /// The key; nil is Kafka's null, which goes to a random partition.
    public var key: [UInt8]?
    /// The value; nil is Kafka's null.
    public var value: [UInt8]?
    /// The headers, in order.
    public var headers: [KafkaHeader]
    /// The record's time in milliseconds since 1970, or nil for now.
    public var timestampMs: Int64?

    /// Makes a record; only the topic is required.
    public init(
        topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]? = nil, headers: [KafkaHeader] = [], timestampMs: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
        self.timestampMs = timestampMs
    }
}

/// Where a produced record now is.
public struct KafkaAck: Sendable, Hashable {
    /// The record's topic.
    public let topic: String
    /// The partition that took it.
    public let partition: Int32
    /// Its offset, or -1 where the broker did not say (a duplicate that it recognised).
    public let offset: Int64

    /// Makes one by hand, as tests do.
    public init(topic: String, partition: Int32, offset: Int64) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
    }
}
