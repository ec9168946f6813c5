/// All declared topics, in the order of `topics.yaml`.
public struct TopicCatalogue: Sendable, Hashable {
    /// The declarations.
    public let topics: [TopicDeclaration]

    /// The catalogue that this binary was built with.
    /// - Throws: `.invalidDeclaration` when the YAML is malformed, or it and ``Topic`` do not name the same topics.
    public static func load() throws(TopicError) -> TopicCatalogue {
        try TopicCatalogue(yaml: String(decoding: PackageResources.topics_yaml, as: UTF8.self))
    }

    /// Reads declarations.
    /// - Throws: `.invalidDeclaration` that names the topic and the key, also for unknown keys.
    public init(yaml: String) throws(TopicError) {
        topics = try TopicParser.parse(yaml)
        for topic in Topic.allCases where !topics.contains(where: { $0.topic == topic }) {
            throw TopicError(
                .invalidDeclaration, operation: "load topics", message: "topics.yaml does not declare \(topic.name), which the code uses")
        }
    }

    /// A topic's declaration.
    public subscript(topic: Topic) -> TopicDeclaration? { topics.first { $0.topic == topic } }

    /// The topics that carry messages of a type, dead letters, retries and redrives left out.
    public func topics(carrying type: String) -> [Topic] {
        topics.filter { !$0.kind.isSecondHand && $0.types.contains(type) }.map(\.topic)
    }
}
