/// The fold of the state log: what the broker knows beside the records.
struct StoredState: Equatable, Sendable {
    /// A partition of a topic, by name.
    struct PartitionName: Hashable, Sendable {
        var topic: String
        var partition: Int32
    }

    var clusterID = ""
    var topics: [String: StoredTopic] = [:]
    var nextTopicID: Int64 = 1
    var producerIDsReservedBelow: Int64 = 0
    /// Committed offsets by group.
    var offsets: [String: [PartitionName: StoredOffset]] = [:]
    var groups: [String: GroupSnapshot] = [:]
    /// First offsets that DeleteRecords set, by topic id and partition.
    var logStarts: [Int64: [Int32: Int64]] = [:]

    /// Takes one change in.
    mutating func apply(_ record: StateRecord) {
        switch record {
        case .clusterID(let id): clusterID = id
        case .topic(let topic):
            topics[topic.name] = topic
            nextTopicID = max(nextTopicID, topic.id + 1)
        case .topicDeleted(let name):
            if let topic = topics.removeValue(forKey: name) { logStarts[topic.id] = nil }
        case .producerIDs(let reservedBelow): producerIDsReservedBelow = max(producerIDsReservedBelow, reservedBelow)
        case .offset(let group, let topic, let partition, let offset):
            offsets[group, default: [:]][PartitionName(topic: topic, partition: partition)] = offset
        case .offsetDeleted(let group, let topic, let partition):
            offsets[group]?[PartitionName(topic: topic, partition: partition)] = nil
        case .group(let snapshot): groups[snapshot.id] = snapshot
        case .groupDeleted(let group):
            groups[group] = nil
            offsets[group] = nil
        case .logStart(let topicID, let partition, let offset): logStarts[topicID, default: [:]][partition] = offset
        }
    }

    /// The shortest list of changes that leads here, for a compacted log.
    func records() -> [StateRecord] {
        var records: [StateRecord] = [.clusterID(clusterID), .producerIDs(reservedBelow: producerIDsReservedBelow)]
        // The id counter outlives the newest topic: a deleted topic's folder may still be on disk.
        records.append(.topic(StoredTopic(id: nextTopicID - 1, name: "", partitions: 0, overrides: [:])))
        records.append(.topicDeleted(name: ""))
        records += topics.values.sorted { $0.id < $1.id }.map { .topic($0) }
        records += groups.values.sorted { $0.id < $1.id }.map { .group($0) }
        for (group, partitions) in offsets {
            records += partitions.map { .offset(group: group, topic: $0.key.topic, partition: $0.key.partition, $0.value) }
        }
        for (topicID, partitions) in logStarts {
            records += partitions.map { .logStart(topicID: topicID, partition: $0.key, offset: $0.value) }
        }
        return records
    }
}
