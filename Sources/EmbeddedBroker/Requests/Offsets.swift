/// Keys 2, 8, 9 and 47: offsets in the log, and those that groups commit.
extension Broker {
    private typealias OffsetQuery = (topic: String, parts: [(index: Int32, timestamp: Int64)])
    private typealias FoundOffset = (index: Int32, error: ErrorCode, timestamp: Int64, offset: Int64)

    /// Key 2. Earliest, latest, or the first at or after a time.
    func handleListOffsets(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let version = exchange.version
        _ = try reader.int32()
        if version >= 2 { _ = try reader.int8() }
        let queries: [OffsetQuery] = try reader.array { reader throws(BrokerError) in
            let topic = try reader.string()
            let parts = try reader.array { reader throws(BrokerError) in
                let index = try reader.int32()
                let timestamp = try reader.int64()
                if version == 0 { _ = try reader.int32() }
                return (index, timestamp)
            }
            return (topic, parts)
        }
        answerOffsets(exchange, queries, waits: false)
    }

    private func answerOffsets(_ exchange: Exchange, _ queries: [OffsetQuery], waits: Bool) {
        var cold: [LogSpan] = []
        var seen: Set<StoredState.PartitionName> = []
        let results = queries.map { topic, parts in
            (
                topic,
                parts.map { index, timestamp -> FoundOffset in
                    // A look-up may read from the disk, so nobody asks twice in one request; Apache Kafka refuses it too.
                    guard seen.insert(StoredState.PartitionName(topic: topic, partition: index)).inserted else {
                        return (index, .invalidRequest, -1, -1)
                    }
                    guard let partition = partition(topic, index) else { return (index, .unknownTopicOrPartition, -1, -1) }
                    let (error, found, offset) = offset(in: partition, at: timestamp, waits: waits, cold: &cold)
                    return (index, error, found, offset)
                }
            )
        }
        guard cold.isEmpty else { return load(cold, for: exchange) { [self] in answerOffsets(exchange, queries, waits: true) } }
        let version = exchange.version
        exchange.reply { writer in
            if version >= 2 { writer.noThrottle() }
            writer.array(results) { writer, topic in
                writer.string(topic.0)
                writer.array(topic.1) { writer, part in
                    writer.int32(part.index)
                    writer.error(part.error)
                    if version == 0 {
                        writer.array(part.offset >= 0 ? [part.offset] : []) { $0.int64($1) }
                    } else {
                        writer.int64(part.timestamp)
                        writer.int64(part.offset)
                    }
                }
            }
        }
    }

    private func offset(
        in partition: PartitionLog, at timestamp: Int64, waits: Bool, cold: inout [LogSpan]
    ) -> (ErrorCode, timestamp: Int64, offset: Int64) {
        switch timestamp {
        case -1: return (.none, -1, partition.highWatermark)
        case -2: return (.none, -1, partition.startOffset)
        default:
            do throws(BrokerError) {
                guard let found = try partition.firstOffset(at: timestamp, waits: waits) else { return (.none, -1, -1) }
                return (.none, found.timestamp, found.offset)
            } catch {
                if error.code == .notCached, let span = partition.span(atTimestamp: timestamp) {
                    cold.append(span)
                } else {
                    logger.error("records not readable", metadata: ["kafka.topic": "\(partition.topic)", "error": "\(error)"])
                }
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
        if records.isEmpty { answer(.none) } else { store(offsets: records, done: answer) }
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
                wanted.append((topic, try reader.array(compact: flexible) { reader throws(BrokerError) in try reader.int32() }.unique()))
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
        let known = groups.group(group)
        var records: [StateRecord] = []
        let results = try reader.array { reader throws(BrokerError) in
            let topic = try reader.string()
            let isSubscribed = known.map { $0.phase != .empty && $0.subscribes(to: topic) } ?? false
            let parts = try reader.array { reader throws(BrokerError) in
                let index = try reader.int32()
                if isSubscribed { return (index, ErrorCode.groupSubscribedToTopic) }
                if partition(topic, index) == nil { return (index, .unknownTopicOrPartition) }
                if known != nil { records.append(.offsetDeleted(group: group, topic: topic, partition: index)) }
                return (index, .none)
            }
            return (topic, parts)
        }
        let answer = { (storeError: ErrorCode) in
            exchange.reply { writer in
                writer.error(known == nil ? .groupIDNotFound : .none)
                writer.noThrottle()
                writer.array(known == nil ? [] : results) { writer, topic in
                    writer.string(topic.0)
                    writer.array(topic.1) { writer, part in
                        writer.int32(part.0)
                        writer.error(part.1 == .none ? storeError : part.1)
                    }
                }
            }
        }
        if records.isEmpty { answer(.none) } else { store(offsets: records, done: answer) }
    }
}
