public import KafkaClient

/// A line of the list of topics: what is declared beside what the cluster has.
public struct TopicListing: Sendable, Hashable {
    /// The topic's name.
    public let name: String
    /// The declared number of partitions; nil for a topic that nobody declared.
    public let declaredPartitions: Int?
    /// The cluster's number of partitions; nil where it is missing.
    public let partitions: Int?
    /// Copies of each partition; nil where it is missing.
    public let replicationFactor: Int?
}

/// Everything about one declared topic.
public struct TopicDescription: Sendable, Hashable {
    /// What `topics.yaml` says.
    public let declaration: TopicDeclaration
    /// What the cluster says; nil where the topic is missing.
    public let metadata: KafkaTopicMetadata?
    /// Its settings in the cluster, sorted by name.
    public let configs: [KafkaTopicConfig]
    /// The offsets of its partitions.
    public let offsets: [Int32: KafkaOffsetRange]
}

extension TopicApplier {
    /// Every declared topic, then every other one of the cluster.
    public func list(admin: KafkaAdmin) async throws(TopicError) -> [TopicListing] {
        let found: [KafkaTopicMetadata]
        do throws(KafkaError) { found = try await admin.topics() } catch { throw TopicError(error, operation: "list topics") }
        let declared = declarations.map { declaration in
            let metadata = found.first { $0.name == declaration.topic.name }
            return TopicListing(
                name: declaration.topic.name, declaredPartitions: declaration.partitions, partitions: metadata?.partitions,
                replicationFactor: metadata?.replicationFactor)
        }
        // Two underscores mark what brokers keep for themselves, such as __consumer_offsets.
        let others = found.filter { Topic(rawValue: $0.name) == nil && !$0.name.hasPrefix("__") }.map {
            TopicListing(name: $0.name, declaredPartitions: nil, partitions: $0.partitions, replicationFactor: $0.replicationFactor)
        }
        return declared + others
    }

    /// A declared topic as it is in the cluster.
    /// - Throws: `.unknownTopic` for a name that is not declared.
    public func describe(_ name: String, admin: KafkaAdmin) async throws(TopicError) -> TopicDescription {
        guard let declaration = declarations.first(where: { $0.topic.name == name }) else {
            throw TopicError(.unknownTopic, operation: "describe topic", message: "\(name) is not declared")
        }
        do throws(KafkaError) {
            guard let metadata = try await admin.topics().first(where: { $0.name == name }) else {
                return TopicDescription(declaration: declaration, metadata: nil, configs: [], offsets: [:])
            }
            return TopicDescription(
                declaration: declaration, metadata: metadata, configs: try await admin.configs(topic: name),
                offsets: try await admin.offsets(topic: name))
        } catch {
            throw TopicError(error, operation: "describe topic")
        }
    }
}
