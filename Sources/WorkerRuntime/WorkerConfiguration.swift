import Glibc
public import Topics

/// How a worker consumes. The limits suit one copy on a small machine.
public struct WorkerConfiguration: Sendable {
    /// The worker's name, in metrics and logs.
    public var name: String
    /// The consumer group; its dead letters go to the topic declared for it.
    public var group: String
    /// The topics to consume.
    public var topics: [Topic]
    /// `host:port`, several separated by commas.
    public var bootstrapServers: String
    /// A name that this copy alone has and keeps when it is started again; nil where copies come and go. Default nil.
    ///
    /// With it a copy that died has its partitions again as soon as it is back, since nobody else was given them, and a rolling restart moves nothing.
    /// The price: when it stops for good, its partitions wait for it until the session ends (6 s). Two copies with one name: the later one works,
    /// the earlier one ends with an error that says so. Letters, digits, `.`, `_`, `-`; at most 200.
    public var instanceID: String?
    /// What was built, for dead letters: a version or commit.
    public var build = "development"
    /// Pauses before a failed message or batch is tried again; when they are used up it is given up. Default 1 s, 2 s, 4 s.
    ///
    /// A ``MessageHandler`` of a group with declared retry topics (`<group>.retry.1`, …) waits there, as many times as there are topics, and holds up
    /// nobody; everything else is tried again in place.
    public var retryDelays: [Duration] = [.seconds(1), .seconds(2), .seconds(4)]
    /// By how much a pause may be longer or shorter, as a fraction of it. Default 0.2.
    public var jitter = 0.2
    /// Pauses while a dependency is away: the first, doubled up to the second. Default 250 ms, 5 s.
    public var outageBackoff: ClosedRange<Duration> = .milliseconds(250) ... .seconds(5)
    /// How long a message that failed waits for others to fail too before it goes to a retry topic or to the DLQ; part of its pause. Default 200 ms.
    ///
    /// So an outage that the handler does not recognise as one is seen before the first of many messages is written; of messages that come more slowly
    /// than ``minOutageFailures`` in this time, the first few go to the first retry topic.
    public var verdictDelay: Duration = .milliseconds(200)
    /// How many must fail, beside being more than half, before failures count as an outage and nothing goes to the DLQ. Default 5.
    public var minOutageFailures = 5
    /// Messages in one batch, or in hand at once. Default 1,000.
    public var maxMessages = 1_000
    /// Bytes of keys and values taken at once. Default 8 MiB.
    public var maxBytes = 8 << 20
    /// How long a batch is collected after its first message, at most ``longestWindow``. Default 200 ms.
    public var window: Duration = .milliseconds(200)
    /// Messages handled at the same time by a ``MessageHandler``. Default 64.
    public var concurrency = 64
    /// Whether a ``MessageHandler`` gets the messages of a key one after another; false where each stands for itself. Default true.
    public var ordersByKey = true
    /// Messages from retry topics that wait in memory until they are due, which also ``maxBytes`` bounds; while there are more, nothing is fetched
    /// from these topics, only from the others. Default 10,000.
    public var maxDelayed = 10_000
    /// How long one call of the handler may take. Then it is cancelled, and when it has not returned after as long again, ``onStuck`` ends the process:
    /// only so do its partitions go to a copy that works. Default 60 s.
    public var handlerLimit: Duration = .seconds(60)
    /// What to do about a handler that does not return though it is cancelled, once that is logged. The default ends the process with status 70
    /// (EX_SOFTWARE).
    public var onStuck: @Sendable () -> Void = { _exit(EX_SOFTWARE) }
    /// How long what is in hand may take after a shutdown was asked for. Default 10 s.
    public var shutdownLimit: Duration = .seconds(10)
    /// How long what is in hand may take when partitions go to another copy. Default 5 s.
    public var revokeLimit: Duration = .seconds(5)
    /// How often offsets are committed by a ``MessageHandler``'s worker while messages keep coming. Default 100 ms.
    public var commitInterval: Duration = .milliseconds(100)
    /// Further librdkafka settings for the consumer.
    public var consumerOptions: [String: String] = [:]

    /// The bound of ``window``: projections may be behind by that much (SPEC, section 4).
    public static let longestWindow = Duration.seconds(5)

    /// The bound of a pause that a handler asks for.
    public static let longestRetryDelay = Duration.seconds(300)

    /// Makes a configuration with the defaults above.
    public init(name: String, group: String, topics: [Topic], bootstrapServers: String) {
        self.name = name
        self.group = group
        self.topics = topics
        self.bootstrapServers = bootstrapServers
    }

    /// What is wrong with it, for people; nil when nothing is.
    var fault: String? {
        if topics.isEmpty { return "a worker needs topics" }
        if min(maxMessages, maxBytes, concurrency, minOutageFailures, maxDelayed) <= 0 {
            return "a worker's limits must be above zero"
        }
        if !(0...1).contains(jitter) { return "the jitter must be from 0 to 1, not \(jitter)" }
        if handlerLimit <= .zero || outageBackoff.lowerBound <= .zero || verdictDelay < .zero {
            return "the handler's limit and the pauses in an outage must be above zero"
        }
        if let delay = retryDelays.first(where: { $0 < .zero || $0 > Self.longestRetryDelay }) {
            return "the pause of \(delay) before a retry is not between 0 and \(Self.longestRetryDelay)"
        }
        if let id = instanceID, !Self.isUsable(instanceID: id) {
            return "the instance id must be 1 to 200 characters of a-z, A-Z, 0-9, '.', '_' and '-', not \"\(id)\""
        }
        return nil
    }

    /// Whether Kafka takes it as a `group.instance.id`, which follows the rules of topic names.
    static func isUsable(instanceID: String) -> Bool {
        (1...200).contains(instanceID.utf8.count)
            && instanceID.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): instanceID != "." && instanceID != ".."
                default: false
                }
            }
    }

    /// The pause before attempt number `attempt` (the first retry is 2), nil when there is none left.
    func delay(beforeAttempt attempt: Int) -> Duration? {
        let index = attempt - 2
        guard retryDelays.indices.contains(index) else { return nil }
        return jittered(retryDelays[index])
    }

    /// The pause after the n-th failure in a row of something that is away, from 0.
    func outageDelay(_ count: Int) -> Duration {
        let doubled = outageBackoff.lowerBound * (1 << min(count, 16))
        return jittered(min(doubled, outageBackoff.upperBound))
    }

    private func jittered(_ duration: Duration) -> Duration {
        duration * (1 + Double.random(in: -jitter...jitter))
    }
}
