import NIOCore

/// One change of what the broker keeps beside the records: topics, groups, offsets, producer ids.
enum StateRecord: Equatable, Sendable {
    case clusterID(String)
    /// A topic as it is from now on; its id names its folder, and is never used again.
    case topic(StoredTopic)
    case topicDeleted(name: String)
    /// Every producer id below this one may have been given out.
    case producerIDs(reservedBelow: Int64)
    case offset(group: String, topic: String, partition: Int32, StoredOffset)
    case offsetDeleted(group: String, topic: String, partition: Int32)
    case group(GroupSnapshot)
    case groupDeleted(String)
    /// Records below `offset` were deleted on request.
    case logStart(topicID: Int64, partition: Int32, offset: Int64)

    /// Appends the record's bytes.
    func encode(to writer: inout WireWriter) {
        switch self {
        case .clusterID(let id):
            writer.int8(1)
            writer.string(id)
        case .topic(let topic):
            writer.int8(2)
            writer.int64(topic.id)
            writer.string(topic.name)
            writer.int32(topic.partitions)
            writer.array(topic.overrides.sorted { $0.key < $1.key }) { writer, entry in
                writer.string(entry.key)
                writer.string(entry.value)
            }
        case .topicDeleted(let name):
            writer.int8(3)
            writer.string(name)
        case .producerIDs(let reservedBelow):
            writer.int8(4)
            writer.int64(reservedBelow)
        case .offset(let group, let topic, let partition, let offset):
            writer.int8(5)
            writer.string(group)
            writer.string(topic)
            writer.int32(partition)
            writer.int64(offset.offset)
            writer.int32(offset.leaderEpoch)
            writer.nullableString(offset.metadata)
            writer.int64(offset.committedAtMs)
        case .offsetDeleted(let group, let topic, let partition):
            writer.int8(6)
            writer.string(group)
            writer.string(topic)
            writer.int32(partition)
        case .group(let snapshot):
            writer.int8(7)
            snapshot.encode(to: &writer)
        case .groupDeleted(let group):
            writer.int8(8)
            writer.string(group)
        case .logStart(let topicID, let partition, let offset):
            writer.int8(9)
            writer.int64(topicID)
            writer.int32(partition)
            writer.int64(offset)
        }
    }

    /// Reads a record that ``encode(to:)`` wrote.
    init(from reader: inout WireReader) throws(BrokerError) {
        let kind = try reader.int8()
        switch kind {
        case 1: self = .clusterID(try reader.string())
        case 2:
            let id = try reader.int64()
            let name = try reader.string()
            let partitions = try reader.int32()
            var overrides: [String: String] = [:]
            for _ in 0..<(try reader.count()) { overrides[try reader.string()] = try reader.string() }
            self = .topic(StoredTopic(id: id, name: name, partitions: partitions, overrides: overrides))
        case 3: self = .topicDeleted(name: try reader.string())
        case 4: self = .producerIDs(reservedBelow: try reader.int64())
        case 5:
            let group = try reader.string()
            let topic = try reader.string()
            let partition = try reader.int32()
            self = .offset(
                group: group, topic: topic, partition: partition,
                StoredOffset(
                    offset: try reader.int64(), leaderEpoch: try reader.int32(), metadata: try reader.nullableString(),
                    committedAtMs: try reader.int64()))
        case 6: self = .offsetDeleted(group: try reader.string(), topic: try reader.string(), partition: try reader.int32())
        case 7: self = .group(try GroupSnapshot(from: &reader))
        case 8: self = .groupDeleted(try reader.string())
        case 9: self = .logStart(topicID: try reader.int64(), partition: try reader.int32(), offset: try reader.int64())
        default: throw BrokerError(.corruptState, operation: "read the state log", message: "a record of the unknown kind \(kind)")
        }
    }
}

/// A topic as the state log has it.
struct StoredTopic: Equatable, Sendable {
    var id: Int64
    var name: String
    var partitions: Int32
    var overrides: [String: String]
}

/// A committed offset.
struct StoredOffset: Equatable, Sendable {
    var offset: Int64
    var leaderEpoch: Int32
    var metadata: String?
    var committedAtMs: Int64
}

/// A group that has members, as it was when it last became stable or empty; after a restart its members go on without a rebalance.
struct GroupSnapshot: Equatable, Sendable {
    /// One member.
    struct Member: Equatable, Sendable {
        var id: String
        var instanceID: String?
        var clientID: String
        var clientHost: String
        var sessionTimeoutMs: Int32
        var rebalanceTimeoutMs: Int32
        var protocols: [GroupProtocol]
        var assignment: [UInt8]
    }

    var id: String
    var protocolType: String
    var generation: Int32
    var protocolName: String
    var leaderID: String
    /// In the order in which they joined.
    var members: [Member]

    /// Appends the snapshot's bytes.
    func encode(to writer: inout WireWriter) {
        writer.string(id)
        writer.string(protocolType)
        writer.int32(generation)
        writer.string(protocolName)
        writer.string(leaderID)
        writer.array(members) { writer, member in
            writer.string(member.id)
            writer.nullableString(member.instanceID)
            writer.string(member.clientID)
            writer.string(member.clientHost)
            writer.int32(member.sessionTimeoutMs)
            writer.int32(member.rebalanceTimeoutMs)
            writer.array(member.protocols) { writer, entry in
                writer.string(entry.name)
                writer.bytes(entry.metadata)
            }
            writer.bytes(member.assignment)
        }
    }

    /// Reads what ``encode(to:)`` wrote.
    init(from reader: inout WireReader) throws(BrokerError) {
        id = try reader.string()
        protocolType = try reader.string()
        generation = try reader.int32()
        protocolName = try reader.string()
        leaderID = try reader.string()
        members = try reader.array { reader throws(BrokerError) in
            Member(
                id: try reader.string(), instanceID: try reader.nullableString(), clientID: try reader.string(), clientHost: try reader.string(),
                sessionTimeoutMs: try reader.int32(), rebalanceTimeoutMs: try reader.int32(),
                protocols: try reader.array { reader throws(BrokerError) in
                    GroupProtocol(name: try reader.string(), metadata: try reader.bytes())
                },
                assignment: try reader.bytes())
        }
    }

    init(id: String, protocolType: String, generation: Int32, protocolName: String, leaderID: String, members: [Member]) {
        self.id = id
        self.protocolType = protocolType
        self.generation = generation
        self.protocolName = protocolName
        self.leaderID = leaderID
        self.members = members
    }
}

/// One way of sharing out partitions that a member offers, with its own data for it (the subscription).
struct GroupProtocol: Equatable, Sendable {
    var name: String
    var metadata: [UInt8]

    var sizeBytes: Int { name.utf8.count + metadata.count }
}
