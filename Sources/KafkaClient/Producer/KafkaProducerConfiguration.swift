/// What a producer needs to know. Every limit has a default that suits the ingress on one machine.
public struct KafkaProducerConfiguration: Sendable {
    /// `host:port`, several separated by commas.
    public var bootstrapServers: String
    /// The name that brokers show for this client.
    public var clientID: String
    /// How long records wait for company before a batch is sent. Default 5 ms.
    public var linger: Duration = .milliseconds(5)
    /// How long a record may take from `enqueue` to the acknowledgement, retries included, before it fails with `.timeout`. Default 3 s.
    public var messageTimeout: Duration = .seconds(3)
    /// librdkafka's name of the compression: none, gzip, snappy, lz4, zstd. Default lz4.
    public var compression = "lz4"
    /// Records queued or in flight before `enqueue` fails with `.queueFull`. Default 100,000.
    public var maxQueued = 100_000
    /// Kibibytes queued or in flight before `enqueue` fails with `.queueFull`. Default 256 MiB.
    public var maxQueuedKilobytes = 262_144
    /// The largest record, in bytes. Default 1,000,000, as the broker's.
    public var maxRecordBytes = 1_000_000
    /// How long `run()` lets queued records go out after a graceful shutdown was asked for. Default 5 s.
    public var shutdownFlush: Duration = .seconds(5)
    /// Called when the brokers become unreachable (false) and are back (true), on a thread of the producer. It must not block.
    public var onReachability: (@Sendable (Bool) -> Void)?
    /// Further librdkafka settings (security, tests); they win over the above.
    public var options: [String: String] = [:]

    /// The pause between attempts to connect, in ms, doubled up to the maximum: a broker that is back is noticed within half a second.
    static let reconnectBackoffMs = (first: 50, maximum: 500)

    /// Makes a configuration with the defaults above.
    public init(bootstrapServers: String, clientID: String) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
    }

    /// The settings as librdkafka names them.
    var settings: [(String, String)] {
        [
            ("bootstrap.servers", bootstrapServers),
            ("client.id", clientID),
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("compression.codec", compression),
            ("linger.ms", "\(linger.fractionalMilliseconds)"),
            ("message.timeout.ms", "\(messageTimeout.wholeMilliseconds)"),
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.messages", "\(maxQueued)"),
            ("queue.buffering.max.kbytes", "\(maxQueuedKilobytes)"),
            ("message.max.bytes", "\(maxRecordBytes)"),
            ("topic.metadata.refresh.interval.ms", "10000"),
            ("reconnect.backoff.ms", "\(Self.reconnectBackoffMs.first)"),
            ("reconnect.backoff.max.ms", "\(Self.reconnectBackoffMs.maximum)"),
            ("socket.nagle.disable", "true"),
        ]
    }
}

extension Duration {
    /// Whole milliseconds, at least 1 for anything above zero.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return self > .zero ? max(1, milliseconds) : 0
    }

    /// Milliseconds with their fraction, as librdkafka's linger takes them.
    var fractionalMilliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1000 + Double(attoseconds) / 1e15
    }

    /// Whole milliseconds as the C calls take them.
    var clampedMilliseconds: Int32 { Int32(clamping: wholeMilliseconds) }
}
