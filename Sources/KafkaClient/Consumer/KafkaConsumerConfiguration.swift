/// What a consumer needs to know.
public struct KafkaConsumerConfiguration: Sendable {
    /// `host:port`, several separated by commas.
    public var bootstrapServers: String
    /// The name that brokers show for this client.
    public var clientID: String
    /// The consumer group; nil for a consumer that assigns partitions itself and commits nothing.
    public var groupID: String?
    /// The topics to share with the group; empty for a consumer that assigns partitions itself.
    public var topics: [String]
    /// A name that stays the same when the process is started again (`group.instance.id`, KIP-345); nil makes a new member of every start.
    ///
    /// A member with such a name gets its partitions back at once after a crash, and nobody else notices a short restart. It does not leave when
    /// it is closed: its partitions wait for it until ``sessionTimeout``. A second consumer with the same name takes the place of the first, which
    /// fails with ``KafkaError/Code/fenced``.
    public var instanceID: String?
    /// How long the group waits for a silent member before its partitions go to others. Default 6 s, the least that Apache Kafka allows.
    public var sessionTimeout: Duration = .seconds(6)
    /// How often a member reports; also how fast it learns of a rebalance, and a fenced one of its end. Default 1 s.
    public var heartbeatInterval: Duration = .seconds(1)
    /// How long the application has to finish and commit when partitions are taken away. Default 5 s.
    public var revokeLimit: Duration = .seconds(5)
    /// How long a commit may wait for the coordinator. Default 5 s.
    public var commitTimeout: Duration = .seconds(5)
    /// The longest a broker holds an empty fetch back. New records end the wait at once; a partition that was just assigned waits for the fetch
    /// that is out, hence the small default of 100 ms.
    public var fetchMaxWait: Duration = .milliseconds(100)
    /// Kibibytes of records that are fetched ahead of the application, at most. Fetching pauses above it. Default 16 MiB.
    public var maxPrefetchKilobytes = 16_384
    /// Records that are fetched ahead of the application; fetching pauses above it. Default 20,000.
    public var maxPrefetchMessages = 20_000
    /// Where a group starts that has committed nothing: "earliest" or "latest". Default earliest, so that nothing is skipped.
    public var autoOffsetReset = "earliest"
    /// Whether values and headers are handed over too. Who only wants to know which keys changed saves the copies. Default true.
    public var copiesValues = true
    /// Topics whose values and headers are handed over all the same.
    public var copiesValuesOf: Set<String> = []
    /// Further librdkafka settings (security, tests); they win over the above.
    public var options: [String: String] = [:]

    /// A member of a group that shares `topics`.
    public init(bootstrapServers: String, clientID: String, groupID: String, topics: [String]) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.groupID = groupID
        self.topics = topics
    }

    /// A consumer that reads what ``KafkaConsumer/assign(_:)`` names, without a group.
    public init(bootstrapServers: String, clientID: String) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.groupID = nil
        self.topics = []
    }

    /// The settings as librdkafka names them. librdkafka wants a group name even where none is joined.
    var settings: [(String, String)] {
        let identity = instanceID.map { [("group.instance.id", $0)] } ?? []
        return identity + [
            ("bootstrap.servers", bootstrapServers),
            ("client.id", clientID),
            ("group.id", groupID ?? "\(clientID).unused"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", autoOffsetReset),
            // The later assignors are faulty in 2.0.2 (librdkafka #4252, #4381, #4528).
            ("partition.assignment.strategy", "range"),
            ("session.timeout.ms", "\(sessionTimeout.wholeMilliseconds)"),
            ("heartbeat.interval.ms", "\(heartbeatInterval.wholeMilliseconds)"),
            // Also the rebalance timeout; the loop always polls, so a stuck application must be watched elsewhere.
            ("max.poll.interval.ms", "\(max(60_000, sessionTimeout.wholeMilliseconds))"),
            ("fetch.wait.max.ms", "\(fetchMaxWait.wholeMilliseconds)"),
            ("fetch.error.backoff.ms", "100"),
            ("queued.min.messages", "\(maxPrefetchMessages)"),
            ("queued.max.messages.kbytes", "\(maxPrefetchKilobytes)"),
            ("topic.metadata.refresh.interval.ms", "10000"),
            ("reconnect.backoff.ms", "\(KafkaProducerConfiguration.reconnectBackoffMs.first)"),
            ("reconnect.backoff.max.ms", "\(KafkaProducerConfiguration.reconnectBackoffMs.maximum)"),
            ("check.crcs", "true"),
            ("socket.nagle.disable", "true"),
        ]
    }
}
