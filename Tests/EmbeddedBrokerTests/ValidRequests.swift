import NIOCore

@testable import EmbeddedBroker

/// One valid request of every version that is listed, as any client could send it.
enum ValidRequests {
    /// The topic that they are about; it must have three partitions.
    static let topic = "valid"

    /// The frame behind its length.
    static func frame(_ api: ApiKey, version: Int16, correlation: Int32 = 1) throws -> ByteBuffer {
        let layout = try Layout.request(api.rawValue)
        var writer = WireWriter()
        writer.int16(api.rawValue)
        writer.int16(version)
        writer.int32(correlation)
        writer.nullableString("valid")
        if version >= layout.firstFlexible { writer.noTags() }
        layout.write(version: version, to: &writer) { value(of: $0, api, version) }
        return writer.buffer
    }

    /// Every version of every request.
    static func all() throws -> [(api: ApiKey, version: Int16, frame: ByteBuffer)] {
        try ApiKey.allCases.flatMap { api in try api.versions.map { (api, $0, try frame(api, version: $0)) } }
    }

    private static func value(of path: String, _ api: ApiKey, _ version: Int16) -> Layout.Value? {
        let name = path.split(separator: ".").last.map(String.init) ?? path
        switch name {
        case "Name" where api == .createTopics && path == "Topics.Name", "TopicNames": return .text("made-\(version)")
        case "Name" where path.hasSuffix("Configs.Name"), "ConfigurationKeys": return .text("retention.ms")
        case "Name" where api == .joinGroup: return .text("range")
        case "Name", "Topic", "ResourceName": return .text(topic)
        case "Value": return .text("1000000")
        case "TransactionalId", "GroupInstanceId": return .text(nil)
        case "ResourceType": return .integer(2)
        case "Acks", "ReplicaId", "ProducerId", "ProducerEpoch", "CurrentLeaderEpoch", "CommittedLeaderEpoch", "SessionEpoch": return .integer(-1)
        case "GenerationIdOrMemberEpoch": return .integer(-1)
        case "GenerationId": return .integer(1)
        case "Records": return .bytes(Array(TestBatch.make(["one", "two"]).readableBytesView))
        case "MaxBytes", "PartitionMaxBytes", "TimeoutMs", "timeoutMs", "MaxNumOffsets": return .integer(1_000)
        case "Timestamp": return .integer(-1)
        case "SessionTimeoutMs", "RebalanceTimeoutMs": return .integer(6_000)
        case "ForgottenTopicsData", "Assignments": return .count(0)
        case "NumPartitions", "ReplicationFactor": return .integer(1)
        case "Count": return .integer(Int64(version) + 4)
        case "ProtocolType": return .text("consumer")
        case "Key": return .text("group")
        case "GroupId", "Groups": return .text("\(api == .joinGroup ? "joined" : "group")-\(version)")
        case "GroupsNames": return .text("group-\(version + 3)")
        default: return nil
        }
    }
}
