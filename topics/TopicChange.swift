/// One thing that was done, or is to be done, to make a cluster match the declarations.
public enum TopicChange: Sendable, Hashable, CustomStringConvertible {
    /// The topic was missing.
    case create(Topic, partitions: Int)
    /// It had fewer partitions.
    case addPartitions(Topic, from: Int, to: Int)
    /// A setting differed.
    case configure(Topic, setting: String, from: String?, to: String)

    public var description: String {
        switch self {
        case .create(let topic, let partitions): "create \(topic.name) with \(partitions) partitions"
        case .addPartitions(let topic, let from, let to): "raise \(topic.name) from \(from) to \(to) partitions"
        case .configure(let topic, let setting, let from, let to): "set \(topic.name) \(setting) from \(from ?? "nothing") to \(to)"
        }
    }
}
