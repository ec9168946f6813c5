/// What the operator chooses.
struct BrokerConfiguration: Sendable {
    /// The folder with everything the broker keeps.
    var dataDirectory: String
    /// The address to listen on.
    var host = "127.0.0.1"
    /// The port to listen on; 0 takes a free one.
    var port = 9092
    /// Where clients are told to connect; the listening address when nil.
    var advertised: HostPort?
    var sync = SyncPolicy.interval(ms: 50)
    /// Whether a Metadata request that allows it creates the topics it names.
    var autoCreateTopics = false
    /// Partitions of a topic whose creator leaves the number to the broker.
    var defaultPartitions: Int32 = 1
    /// How long a group that was empty waits for more members before its first rebalance, in milliseconds. Long enough for processes that start together,
    /// short enough not to be felt; without it each further member costs a rebalance that the others notice only at their next heartbeat.
    var initialRebalanceDelayMs: Int64 = 200
    /// How often retention is applied, in milliseconds.
    var retentionCheckMs: Int64 = 30_000
}

/// A host name or address with a port.
struct HostPort: Sendable, Equatable, CustomStringConvertible {
    var host: String
    var port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`; an IPv6 address stands in brackets.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { return nil }
        self.init(host: host, port: port)
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// When an answer may say that something is stored.
enum SyncPolicy: Sendable, Equatable {
    /// After `fdatasync`: nothing acknowledged is lost in a power cut.
    case always
    /// After the write; what was written becomes durable within this time. A killed process loses nothing, a power cut at most this much.
    case interval(ms: Int64)
    /// After the write; the kernel decides when it is durable. A killed process loses nothing, a power cut up to half a minute.
    case none

    /// Reads `always`, `none` or `interval=MS` with 1 to 60,000 ms.
    init?(_ text: String) {
        switch text {
        case "always": self = .always
        case "none": self = .none
        default:
            guard text.hasPrefix("interval="), let ms = Int64(text.dropFirst("interval=".count)), (1...60_000).contains(ms) else { return nil }
            self = .interval(ms: ms)
        }
    }
}

/// The broker's bounds: what a client can make it hold or do.
enum BrokerLimits {
    /// Largest request, in bytes; a larger one closes its connection. Kafka's `socket.request.max.bytes`.
    static let maxFrameBytes = 100 * 1_024 * 1_024
    /// Array elements in one request, all its arrays together: each becomes an object in memory and a part of the answer.
    static let maxRequestElements = 100_000
    /// Half-received requests and unread answers, over all connections, in bytes; beyond, the connection that got on the longest ago is closed.
    static let maxHeldBytes = 256 * 1_024 * 1_024
    /// Bytes of one connection that are not worth counting for ``maxHeldBytes``.
    static let uncountedHeldBytes = 4_096
    /// Finished answers of one connection that wait behind one that is not finished, in bytes; reading stops until they are gone.
    static let maxStuckAnswerBytes = 256 * 1_024
    /// Subscriptions and assignments of all groups, in bytes; a join beyond is refused. A stored group must fit into ``StateLog/maxPayloadBytes``.
    static let maxGroupBytes = 32 * 1_024 * 1_024
    /// Connections at a time; one more is closed at once.
    static let maxConnections = 8_192
    /// Requests of one connection that are not answered yet; reading stops until some are.
    static let maxPipelinedRequests = 128
    /// Bytes waiting to be written to disk, over all partitions; reading stops everywhere until some are.
    static let maxUnwrittenBytes = 64 * 1_024 * 1_024
    /// Records in one fetch response, in bytes, whatever the client allows; one batch may exceed it.
    static let maxFetchBytes = 8 * 1_024 * 1_024
    /// Large answer buffers kept for the next fetch; each holds about ``maxFetchBytes`` at most.
    static let maxSpareBuffers = 3
    /// Longest wait of a fetch, in milliseconds.
    static let maxFetchWaitMs: Int32 = 300_000
    /// Partitions of all topics together: each keeps a file open.
    static let maxPartitions = 10_000
    /// Groups with members or offsets.
    static let maxGroups = 10_000
    /// Members of one group.
    static let maxGroupMembers = 1_000
    /// Longest metadata of a committed offset, in bytes. Kafka's `offset.metadata.max.bytes`.
    static let maxOffsetMetadataBytes = 4_096
    /// Longest topic name, in bytes.
    static let maxTopicNameBytes = 249
    /// Allowed session timeouts, in milliseconds. Kafka's lower bound is 6,000; here tests may be quicker.
    static let sessionTimeoutMs: ClosedRange<Int32> = 100...1_800_000
    /// How long a stop waits for what is in hand, in milliseconds.
    static let shutdownMs: Int64 = 5_000
}
