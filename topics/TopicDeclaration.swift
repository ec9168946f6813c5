/// What `topics.yaml` says about one topic.
public struct TopicDeclaration: Sendable, Hashable {
    /// What a topic is for.
    public enum Kind: String, Sendable, CaseIterable {
        /// Facts, kept for ever.
        case events
        /// Requests to a worker.
        case commands
        /// What a consumer group gave up on.
        case deadLetters = "dead_letters"
        /// What a consumer group tries again later.
        case retries
        /// What a consumer group is to handle again because a person wants it.
        case redrives

        /// Whether it carries other topics' records, byte for byte.
        public var isSecondHand: Bool { self == .deadLetters || self == .retries || self == .redrives }
    }

    /// The topic.
    public let topic: Topic
    /// What it is for.
    public let kind: Kind
    /// One sentence for people.
    public let description: String
    /// How many partitions it has at least.
    public let partitions: Int
    /// How long records are kept; nil is for ever.
    public let retention: Duration?
    /// What the record's key is.
    public let key: String
    /// The CloudEvents types that it carries; of dead letters, retries and redrives, those of the topics they come from.
    public let types: [String]
    /// The consumer group that gives up, tries again or is to handle again, for dead letters, retries and redrives.
    public let group: String?
    /// The topics whose records end up here, for dead letters, retries and redrives.
    public let sources: [Topic]
    /// Further settings by Kafka's names.
    public let config: [String: String]

    /// All settings as the brokers know them.
    public var settings: [String: String] {
        var settings = config
        settings["cleanup.policy"] = settings["cleanup.policy"] ?? "delete"
        settings["retention.ms"] = retention.map { "\($0.components.seconds * 1000)" } ?? "-1"
        return settings
    }
}
