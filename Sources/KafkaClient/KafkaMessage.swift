/// A record as it was consumed, copied out of librdkafka's memory.
public struct KafkaMessage: Sendable {
    /// The topic it was read from.
    public let topic: String
    /// The partition it was read from.
    public let partition: Int32
    /// Its offset in the partition; commit `offset + 1` once it is done.
    public let offset: Int64
    /// The key; nil is Kafka's null.
    public let key: [UInt8]?
    /// The value; nil is Kafka's null.
    public let value: [UInt8]?
    /// The headers, in order.
    public let headers: [KafkaHeader]
    /// The record's time in milliseconds since 1970, or nil where it has none.
    public let timestampMs: Int64?

    /// Makes a message by hand, as tests of handlers do.
    public init(
        topic: String, partition: Int32, offset: Int64, key: [UInt8]?, value: [UInt8]?, headers: [KafkaHeader] = [], timestampMs: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
        self.timestampMs = timestampMs
    }

    /// The partition it was read from, with its topic.
    public var topicPartition: KafkaTopicPartition { KafkaTopicPartition(topic: topic, partition: partition) }
}

/// One partition of one topic.
public struct KafkaTopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The topic's name.
    public let topic: String
    /// The partition's number, from 0.
    public let partition: Int32

    /// Names a partition.
    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    public var description: String { "\(topic)/\(partition)" }

    public static func < (left: Self, right: Self) -> Bool {
        left.topic == right.topic ? left.partition < right.partition : left.topic < right.topic
    }
}

/// Where reading of a partition starts.
public enum KafkaOffset: Sendable, Hashable {
    /// The oldest record that is kept.
    case beginning
    /// After the newest record at the time that the broker is asked, which is some time after the call; where nothing may be missed, ask
    /// ``KafkaConsumer/endOffsets(topic:timeout:)`` first and use ``at(_:)``.
    case end
    /// Exactly this offset.
    case at(Int64)
}

/// A change of what a consumer owns.
public enum KafkaRebalance: Sendable, Hashable {
    /// The group gave these partitions to this consumer; their messages follow.
    case assigned([KafkaTopicPartition])
    /// These partitions go: finish, commit, then call ``KafkaConsumer/acknowledgeRevoke()`` within the revoke limit. When `lost`, they are gone
    /// already (the session ended), a commit fails, and others may be handling the same messages.
    case revoked([KafkaTopicPartition], lost: Bool)
}

/// What one call of ``KafkaConsumer/next(max:maxBytes:wait:)`` brought.
public struct KafkaBatch: Sendable {
    /// Changes of ownership, in order; they happened before the messages below were read.
    public var rebalances: [KafkaRebalance]
    /// Messages, in order within each partition. Empty together with a revocation.
    public var messages: [KafkaMessage]
    /// The consumer's ``KafkaConsumer/generation`` when the messages were read.
    public var generation: Int

    /// Makes a batch by hand, as tests do.
    public init(rebalances: [KafkaRebalance] = [], messages: [KafkaMessage] = [], generation: Int = 0) {
        self.rebalances = rebalances
        self.messages = messages
        self.generation = generation
    }

    /// Whether the wait ended without anything.
    public var isEmpty: Bool { rebalances.isEmpty && messages.isEmpty }
}
