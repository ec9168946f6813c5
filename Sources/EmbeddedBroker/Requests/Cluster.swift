/// Keys 3, 10, 18, 22 and 60: what a client asks before it starts.
extension Broker {
    /// Key 18, also as the answer to a version that is not known.
    func replyApiVersions(_ exchange: Exchange, error: ErrorCode, version: Int16) {
        exchange.reply(capacity: 512) { writer in
            let flexible = version >= 3
            writer.error(error)
            writer.array(ApiKey.allCases, compact: flexible) { writer, key in
                writer.int16(key.rawValue)
                writer.int16(key.versions.lowerBound)
                writer.int16(key.versions.upperBound)
                if flexible { writer.noTags() }
            }
            if version >= 1 { writer.noThrottle() }
            if flexible { writer.noTags() }
        }
    }

    /// Key 3.
    func handleMetadata(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        var names: [String]?
        if let count = try reader.nullableCount() {
            var list: [String] = []
            for _ in 0..<count { list.append(try reader.string()) }
            // In version 0 an empty list asks for all; since version 1 null does.
            names = version == 0 && list.isEmpty ? nil : list
        }
        let isAllowed = version >= 4 ? try reader.bool() : true
        let mayCreate = configuration.autoCreateTopics && isAllowed
        var created = false
        if mayCreate {
            for name in names ?? [] where topics[name] == nil && Topic.isValid(name: name) {
                if create(name, partitions: configuration.defaultPartitions, configuration: .standard) { created = true }
            }
        }
        // Each name once, as Apache Kafka answers: a small request must not ask for a huge answer.
        let wanted = names?.unique() ?? topics.keys.sorted()
        let answer = { [self] (_: ErrorCode) in
            exchange.reply(capacity: 1_024) { writer in self.writeMetadata(wanted, version: version, to: &writer) }
        }
        if created { pipeline.append([], done: answer) } else { answer(.none) }
    }

    private func writeMetadata(_ names: [String], version: Int16, to writer: inout WireWriter) {
        if version >= 3 { writer.noThrottle() }
        writer.count(1)
        writer.int32(Self.nodeID)
        writer.string(advertised.host)
        writer.int32(Int32(advertised.port))
        if version >= 1 { writer.nullableString(nil) }
        if version >= 2 { writer.nullableString(stateLog.state.clusterID) }
        if version >= 1 { writer.int32(Self.nodeID) }
        writer.array(names) { writer, name in
            let topic = topics[name]
            writer.error(topic != nil ? .none : Topic.isValid(name: name) ? .unknownTopicOrPartition : .invalidTopic)
            writer.string(name)
            if version >= 1 { writer.bool(name == OffsetsTopic.name) }
            writer.array(topic?.partitions ?? []) { writer, partition in
                writer.error(.none)
                writer.int32(partition.index)
                writer.int32(Self.nodeID)
                if version >= 7 { writer.int32(-1) }
                writer.array([Self.nodeID]) { $0.int32($1) }
                writer.array([Self.nodeID]) { $0.int32($1) }
                if version >= 5 { writer.count(0) }
            }
            if version >= 8 { writer.int32(Int32.min) }
        }
        if version >= 8 { writer.int32(Int32.min) }
    }

    /// Key 60 (KIP-700): the one node.
    func replyDescribeCluster(_ exchange: Exchange) {
        exchange.reply { writer in
            writer.noThrottle()
            writer.error(.none)
            writer.compactNullableString(nil)
            writer.compactNullableString(stateLog.state.clusterID)
            writer.int32(Self.nodeID)
            writer.count(1, compact: true)
            writer.int32(Self.nodeID)
            writer.compactNullableString(advertised.host)
            writer.int32(Int32(advertised.port))
            writer.compactNullableString(nil)
            writer.noTags()
            // Operations that this client is authorized to: not known, there are no ACLs.
            writer.int32(Int32.min)
            writer.noTags()
        }
    }

    /// Key 10. The one node coordinates every group; there are no transactions to coordinate.
    func handleFindCoordinator(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        _ = try reader.string()
        let isTransaction = version >= 1 ? try reader.int8() != 0 : false
        exchange.reply { writer in
            if version >= 1 { writer.noThrottle() }
            writer.error(isTransaction ? .transactionalIDAuthorizationFailed : .none)
            if version >= 1 { writer.nullableString(isTransaction ? "the embedded broker has no transactions" : nil) }
            writer.int32(isTransaction ? -1 : Self.nodeID)
            writer.string(isTransaction ? "" : advertised.host)
            writer.int32(isTransaction ? -1 : Int32(advertised.port))
        }
    }

    /// Key 22. Always a new id: an epoch is only ever raised for transactions.
    func handleInitProducerID(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let flexible = exchange.header.isFlexible
        let transactionalID = flexible ? try reader.compactNullableString() : try reader.nullableString()
        var error = ErrorCode.none
        var id: Int64 = -1
        if transactionalID != nil {
            error = .transactionalIDAuthorizationFailed
        } else if let next = producerIDs.take() {
            id = next
        } else {
            // Clients come again on this one.
            error = .coordinatorLoadInProgress
        }
        reserveProducerIDs()
        exchange.reply { writer in
            writer.noThrottle()
            writer.error(error)
            writer.int64(id)
            writer.int16(id >= 0 ? 0 : -1)
            if flexible { writer.noTags() }
        }
    }

    private func reserveProducerIDs() {
        guard let bound = producerIDs.reservation() else { return }
        pipeline.append([.producerIDs(reservedBelow: bound)], durable: true) { [self] error in
            producerIDs.reserved(below: bound, stored: error == .none)
        }
    }
}
