public import Topics

/// A consumer group whose lag is asked for.
public struct LagTarget: Sendable, Hashable {
    /// The group's name.
    public var group: String
    /// The topics that it reads; nil takes those that it has committed to.
    public var topics: [String]?

    /// A group with its topics; without them, with those that it has committed to.
    public init(group: String, topics: [String]? = nil) {
        self.group = group
        self.topics = topics
    }

    /// Every group that the declarations name, each with all that it reads: the sources of its dead letters, its retries and what is redriven to it.
    /// - Throws: `.invalidDeclaration`.
    public static func declared() throws(TopicError) -> [LagTarget] {
        let catalogue = try TopicCatalogue.load()
        return catalogue.topics.filter { $0.kind == .deadLetters }.compactMap { letters in
            guard let group = letters.group else { return nil }
            let own = catalogue.topics.filter { $0.group == group && $0.kind != .deadLetters }.map(\.topic)
            return LagTarget(group: group, topics: (letters.sources + own).map(\.name))
        }
    }
}
