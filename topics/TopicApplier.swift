public import KafkaClient

/// Makes a cluster match the declarations, and shows where it does not.
public struct TopicApplier: Sendable {
    /// The most copies of a partition that are asked for when the caller leaves it open.
    public static let maxReplicationFactor = 3

    private let catalogue: TopicCatalogue
    private let replicationFactor: Int?

    /// - Parameter replicationFactor: copies of each partition of a new topic; nil takes one per broker, at most three.
    public init(catalogue: TopicCatalogue, replicationFactor: Int? = nil) {
        self.catalogue = catalogue
        self.replicationFactor = replicationFactor
    }

    var declarations: [TopicDeclaration] { catalogue.topics }

    /// Creates topics, adds partitions and alters settings; returns what was done, nothing when all matched. Deletes and shrinks nothing.
    /// - Throws: `.conflict`, before anything is changed, when a topic has more partitions than declared; `.kafka` when a request fails, after which
    ///   another call goes on where this one stopped.
    public func apply(admin: KafkaAdmin) async throws(TopicError) -> [TopicChange] {
        let changes = try await plan(admin: admin)
        do throws(KafkaError) {
            let copies = if let replicationFactor { replicationFactor } else { min(Self.maxReplicationFactor, try await admin.brokerCount()) }
            for change in changes {
                switch change {
                case .create(let topic, let partitions):
                    let settings = catalogue[topic]?.settings ?? [:]
                    try await admin.createTopic(topic.name, partitions: partitions, replicationFactor: copies, configs: settings)
                case .addPartitions(let topic, _, let total):
                    try await admin.createPartitions(topic: topic.name, total: total)
                case .configure(let topic, let setting, _, let value):
                    try await admin.alterConfigs(topic: topic.name, [setting: value])
                }
            }
        } catch {
            throw TopicError(error, operation: "apply topics")
        }
        return changes
    }

    /// What ``apply(admin:)`` would do.
    public func plan(admin: KafkaAdmin) async throws(TopicError) -> [TopicChange] {
        var states: [Topic: TopicState] = [:]
        do throws(KafkaError) {
            for metadata in try await admin.topics() {
                guard let topic = Topic(rawValue: metadata.name) else { continue }
                states[topic] = TopicState(partitions: metadata.partitions, configs: try await admin.configs(topic: topic.name))
            }
        } catch {
            throw TopicError(error, operation: "read topics")
        }
        return try Self.plan(declarations, states)
    }

    /// What a declared topic is like in the cluster.
    struct TopicState {
        var partitions: Int
        var configs: [KafkaTopicConfig]
    }

    /// The difference between what is declared and what is there; no I/O.
    static func plan(_ declared: [TopicDeclaration], _ states: [Topic: TopicState]) throws(TopicError) -> [TopicChange] {
        var changes: [TopicChange] = []
        for declaration in declared {
            let topic = declaration.topic
            guard let state = states[topic] else {
                changes.append(.create(topic, partitions: declaration.partitions))
                continue
            }
            if state.partitions > declaration.partitions {
                let message =
                    "\(topic.name) has \(state.partitions) partitions, more than the \(declaration.partitions) declared; Kafka cannot lower that"
                throw TopicError(.conflict, operation: "apply topics", message: message)
            }
            if state.partitions < declaration.partitions {
                changes.append(.addPartitions(topic, from: state.partitions, to: declaration.partitions))
            }
            for (setting, value) in declaration.settings.sorted(by: { $0.key < $1.key }) {
                let present = state.configs.first { $0.name == setting }?.value
                if present != value { changes.append(.configure(topic, setting: setting, from: present, to: value)) }
            }
        }
        return changes
    }
}
