/// From a request's key to what handles it.
extension Broker {
    /// Handles one request; its answer leaves through `exchange`, now or later.
    /// - Throws: when the request is malformed or not known: its connection is closed, as Apache Kafka does.
    func handle(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        guard let api = exchange.header.api else {
            throw BrokerError(.malformedRequest, operation: "dispatch", message: "unknown request \(exchange.header.key)")
        }
        guard api.versions.contains(exchange.version) else {
            // The one request whose unknown versions have an answer, in the layout of version 0 (KIP-511).
            if api == .apiVersions { return replyApiVersions(exchange, error: .unsupportedVersion, version: 0) }
            throw BrokerError(.malformedRequest, operation: "dispatch", message: "\(api) version \(exchange.version)")
        }
        switch api {
        case .produce: try handleProduce(exchange, &reader)
        case .fetch: try handleFetch(exchange, &reader)
        case .listOffsets: try handleListOffsets(exchange, &reader)
        case .metadata: try handleMetadata(exchange, &reader)
        case .offsetCommit: try handleOffsetCommit(exchange, &reader)
        case .offsetFetch: try handleOffsetFetch(exchange, &reader)
        case .findCoordinator: try handleFindCoordinator(exchange, &reader)
        case .joinGroup: try handleJoinGroup(exchange, &reader)
        case .heartbeat: try handleHeartbeat(exchange, &reader)
        case .leaveGroup: try handleLeaveGroup(exchange, &reader)
        case .syncGroup: try handleSyncGroup(exchange, &reader)
        case .describeGroups: try handleDescribeGroups(exchange, &reader)
        case .listGroups: handleListGroups(exchange)
        case .apiVersions: replyApiVersions(exchange, error: .none, version: exchange.version)
        case .createTopics: try handleCreateTopics(exchange, &reader)
        case .deleteTopics: try handleDeleteTopics(exchange, &reader)
        case .deleteRecords: try handleDeleteRecords(exchange, &reader)
        case .initProducerID: try handleInitProducerID(exchange, &reader)
        case .describeConfigs: try handleDescribeConfigs(exchange, &reader)
        case .alterConfigs: try handleAlterConfigs(exchange, &reader)
        case .createPartitions: try handleCreatePartitions(exchange, &reader)
        case .deleteGroups: try handleDeleteGroups(exchange, &reader)
        case .incrementalAlterConfigs: try handleIncrementalAlterConfigs(exchange, &reader)
        case .offsetDelete: try handleOffsetDelete(exchange, &reader)
        case .describeCluster: replyDescribeCluster(exchange)
        }
    }
}
