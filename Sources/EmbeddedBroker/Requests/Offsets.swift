/// Keys 2, 8, 9 and 47: offsets in the log, and those that groups commit.
extension Broker {
    /// Key 2. Earliest, latest, or the first at or after a time.
    func handleListOffsets(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        _ = try reader.int32()
        if version >= 2 { _ = try reader.int8() }
        var writer = exchange.writer()
        if version >= 2 { writer.noThrottle() }
        let topicCount = try reader.count()
        writer.count(topicCount)
        for _ in 0..<topicCount {
            let name = try reader.string()
            writer.string(name)
            let partitionCount = try reader.count()
            writer.count(partitionCount)
            for _ in 0..<partitionCount {
                let index = try reader.int32()
                let timestamp = try reader.int64()
                if version == 0 { _ = try reader.int32() }
                let (error, found, offset) = offset(in: partition(name, index), at: timestamp)
                writer.int32(index)
                writer.error(error)
                if version == 0 {
                    writer.array(offset >= 0 ? [offset] : []) { $0.int64($1) }
                } else {
                    writer.int64(found)
                    writer.int64(offset)
                }
            }
        }
        exchange.send(&writer)
    }

    private func offset(in partition: PartitionLog?, at timestamp: Int64) -> (ErrorCode, timestamp: Int64, offset: Int64) {
        guard let partition else { return (.unknownTopicOrPartition, -1, -1) }
        switch timestamp {
        case -1: return (.none, -1, partition.highWatermark)
        case -2: return (.none, -1, partition.startOffset)
        default:
            do throws(BrokerError) {
                guard let found = try partition.firstOffset(at: timestamp) else { return (.none, -1, -1) }
                return (.none, found.timestamp, found.offset)
            } catch {
                logger.error("records not readable", metadata: ["kafka.topic": "\(partition.topic)", "error": "\(error)"])
                return (.kafkaStorageError, -1, -1)
            }
        }
    }

    /// Key 8.
    func handleOffsetCommit(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        let group = try reader.string()
        let generation = version >= 1 ? try reader.int32() : -1
        let memberID = version >= 1 ? try reader.string() : ""
        let instanceID = version >= 7 ? try reader.nullableString() : nil
        if (2...4).contains(version) { _ = try reader.int64() }
        let refusal = groups.authorizeCommit(group, memberID: memberID, instanceID: instanceID, generation: generation)
        let nowMs = Clock.nowMs()
        var records: [StateRecord] = []
        let results = try reader.array { reader throws(BrokerError) in
            let topic = try reader.string()
            let parts = try reader.array { reader throws(BrokerError) in
                let index = try reader.int32()
                let offset = try reader.int64()
                let leaderEpoch = version >= 6 ? try reader.int32() : -1
                if version == 1 { _ = try reader.int64() }
                let metadata = try reader.nullableString()
                if refusal != .none { return (index, refusal) }
                if partition(topic, index) == nil { return (index, ErrorCode.unknownTopicOrPartition) }
                if metadata?.utf8.count ?? 0 > BrokerLimits.maxOffsetMetadataBytes { return (index, .offsetMetadataTooLarge) }
                let stored = StoredOffset(offset: offset, leaderEpoch: leaderEpoch, metadata: metadata, committedAtMs: nowMs)
                records.append(.offset(group: group, topic: topic, partition: index, stored))
                return (index, .none)
            }
            return (topic, parts)
        }
        let answer = { (storeError: ErrorCode) in
            exchange.reply { writer in
                if version >= 3 { writer.noThrottle() }
                writer.array(results) { writer, topic in
                    writer.string(topic.0)
                    writer.array(topic.1) { writer, part in
                        writer.int32(part.0)
                        writer.error(part.1 == .none ? storeError : part.1)
                    }
                }
            }
        }
        if records.isEmpty { answer(.none) } else { pipeline.append(records, done: answer) }
    }

    /// Key 9. Null topics ask for every committed offset of the group.
    func handleOffsetFetch(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        let flexible = exchange.header.isFlexible
        let group = flexible ? try reader.compactString() : try reader.string()
        var wanted: [(topic: String, partitions: [Int32])] = []
        let committed = groups.offsets(of: group)
        if let count = try reader.nullableCount(compact: flexible) {
            for _ in 0..<count {
                let topic = flexible ? try reader.compactString() : try reader.string()
                wanted.append((topic, try reader.array(compact: flexible) { reader throws(BrokerError) in try reader.int32() }))
                if flexible { try reader.tags() }
            }
        } else {
            for (topic, partitions) in Dictionary(grouping: committed.keys, by: \.topic) {
                wanted.append((topic, partitions.map(\.partition).sorted()))
            }
        }
        exchange.reply { writer in
            if version >= 3 { writer.noThrottle() }
            writer.array(wanted, compact: flexible) { writer, topic in
                if flexible { writer.compactNullableString(topic.topic) } else { writer.string(topic.topic) }
                writer.array(topic.partitions, compact: flexible) { writer, index in
                    let offset = committed[StoredState.PartitionName(topic: topic.topic, partition: index)]
                    writer.int32(index)
                    writer.int64(offset?.offset ?? -1)
                    if version >= 5 { writer.int32(offset?.leaderEpoch ?? -1) }
                    if flexible { writer.compactNullableString(offset?.metadata ?? "") } else { writer.nullableString(offset?.metadata ?? "") }
                    writer.error(.none)
                    if flexible { writer.noTags() }
                }
                if flexible { writer.noTags() }
            }
            if version >= 2 { writer.error(.none) }
            if flexible { writer.noTags() }
        }
    }

    /// Key 47. Refused for a topic that a member of the group subscribes to.
    func handleOffsetDelete(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let group = try reader.string()
        let wanted = try reader.array { reader throws(BrokerError) in
            (try reader.string(), try reader.array { reader throws(BrokerError) in try reader.int32() })
        }
        let known = groups.group(group)
        let isActive = known.map { $0.phase != .empty } ?? false
        var records: [StateRecord] = []
        if known != nil, !isActive {
            for (topic, partitions) in wanted {
                records += partitions.map { .offsetDeleted(group: group, topic: topic, partition: $0) }
            }
        }
        let answer = { (storeError: ErrorCode) in
            exchange.reply { writer in
                writer.error(known == nil ? .groupIDNotFound : .none)
                writer.noThrottle()
                writer.array(known == nil ? [] : wanted) { writer, topic in
                    writer.string(topic.0)
                    writer.array(topic.1) { writer, index in
                        writer.int32(index)
                        writer.error(isActive ? .groupSubscribedToTopic : storeError)
                    }
                }
            }
        }
        if records.isEmpty { answer(.none) } else { pipeline.append(records, done: answer) }
    }
}
