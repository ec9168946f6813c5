/// A topic with its partitions; confined to the event loop.
final class Topic {
    let id: Int64
    let name: String
    /// The folder with one subfolder per partition.
    let directory: String
    private(set) var partitions: [PartitionLog] = []
    /// Applies to every partition.
    var configuration: TopicConfiguration {
        didSet { for partition in partitions { partition.configuration = configuration } }
    }

    init(stored: StoredTopic, dataDirectory: String, configuration: TopicConfiguration) {
        id = stored.id
        name = stored.name
        self.configuration = configuration
        // The id makes the folder of a topic that is created again a new one.
        directory = "\(dataDirectory)/topics/\(stored.id)-\(stored.name)"
        grow(to: stored.partitions)
    }

    /// Adds partitions up to `count`.
    func grow(to count: Int32) {
        for index in Int32(partitions.count)..<max(count, Int32(partitions.count)) {
            partitions.append(PartitionLog(topic: name, index: index, directory: "\(directory)/\(index)", configuration: configuration))
        }
    }

    /// The partition with this index, or nil.
    func partition(_ index: Int32) -> PartitionLog? {
        index >= 0 && Int(index) < partitions.count ? partitions[Int(index)] : nil
    }

    /// What the state log keeps.
    var stored: StoredTopic {
        StoredTopic(id: id, name: name, partitions: Int32(partitions.count), overrides: configuration.overrides)
    }

    /// Whether `name` may be a topic's: Kafka's rule, which also keeps it safe as a folder name.
    static func isValid(name: String) -> Bool {
        guard !name.isEmpty, name != ".", name != "..", name.utf8.count <= BrokerLimits.maxTopicNameBytes else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }
}
