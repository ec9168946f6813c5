/// The requests that this broker answers, with the versions it lists for each.
enum ApiKey: Int16, CaseIterable, Sendable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case describeGroups = 15
    case listGroups = 16
    case apiVersions = 18
    case createTopics = 19
    case deleteTopics = 20
    case deleteRecords = 21
    case initProducerID = 22
    case describeConfigs = 32
    case alterConfigs = 33
    case createPartitions = 37
    case deleteGroups = 42
    case incrementalAlterConfigs = 44
    case offsetDelete = 47
    case describeCluster = 60

    /// The versions listed in ApiVersions. All are served but Produce 0 to 2, which carry the message formats before record batches:
    /// they must be listed, because librdkafka turns gzip, snappy and lz4 off when Produce 0 is missing (2.0.2, `rdkafka_msgset_writer.c`).
    var versions: ClosedRange<Int16> {
        switch self {
        case .produce: 0...7
        case .fetch: 4...11
        case .listOffsets: 0...2
        case .metadata: 0...8
        case .offsetCommit: 0...7
        case .offsetFetch: 0...7
        case .findCoordinator: 0...2
        case .joinGroup: 0...5
        case .heartbeat: 0...3
        case .leaveGroup: 0...3
        case .syncGroup: 0...3
        case .describeGroups: 0...4
        // librdkafka 2.0.2 appends a field of its own at version 3 and above (confluentinc/librdkafka#4207).
        case .listGroups: 0...2
        case .apiVersions: 0...3
        case .createTopics: 0...4
        case .deleteTopics: 0...3
        case .deleteRecords: 0...1
        case .initProducerID: 0...4
        case .describeConfigs: 0...1
        case .alterConfigs: 0...1
        case .createPartitions: 0...1
        case .deleteGroups: 0...1
        case .incrementalAlterConfigs: 0...0
        case .offsetDelete: 0...0
        case .describeCluster: 0...0
        }
    }

    /// The first version with compact fields and tag sections (KIP-482), or nil where none is listed.
    var firstFlexibleVersion: Int16? {
        switch self {
        case .apiVersions: 3
        case .initProducerID: 2
        case .offsetFetch: 6
        case .describeCluster: 0
        default: nil
        }
    }
}
