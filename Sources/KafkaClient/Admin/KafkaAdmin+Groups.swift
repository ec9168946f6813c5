internal import CRdkafka

/// A consumer group as its coordinator sees it.
public struct KafkaGroup: Sendable, Hashable {
    /// The group's name.
    public let name: String
    /// The coordinator's word for its state ("Stable", "Empty", …).
    public let state: String
    /// How many consumers are members now.
    public let members: Int
}

/// The offsets that a partition holds.
public struct KafkaOffsetRange: Sendable, Hashable {
    /// The oldest record that is kept.
    public let low: Int64
    /// The offset that the next record will get.
    public let high: Int64

    /// Makes a range by hand, as tests do.
    public init(low: Int64, high: Int64) {
        self.low = low
        self.high = high
    }
}

/// How far a group is behind on a partition.
public struct KafkaLag: Sendable, Hashable {
    /// The partition.
    public let partition: KafkaTopicPartition
    /// The next offset that the group will read; nil when it has committed none, and then everything kept is lag.
    public let committed: Int64?
    /// The offset that the next record will get.
    public let end: Int64
    /// Records not done yet.
    public let messages: Int64
}

extension KafkaAdmin {
    /// Every consumer group, sorted by name.
    public func groups() async throws(KafkaError) -> [KafkaGroup] {
        try await ask("list groups") { (client, limit) throws(KafkaError) in
            var list: UnsafePointer<rd_kafka_group_list>?
            let response = rd_kafka_list_groups(client.pointer, nil, &list, limit.clampedMilliseconds)
            defer { if let list { rd_kafka_group_list_destroy(list) } }
            guard response == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { throw KafkaError(response, operation: "list groups") }
            let groups = UnsafeBufferPointer(start: list.pointee.groups, count: Int(list.pointee.group_cnt))
            return groups.map { group in
                KafkaGroup(name: String(cString: group.group), state: String(cString: group.state), members: Int(group.member_cnt))
            }.sorted { $0.name < $1.name }
        }
    }

    /// One consumer group as its coordinator sees it; nil for one that nobody has ever joined.
    public func group(_ name: String) async throws(KafkaError) -> KafkaGroup? {
        try await groups().first { $0.name == name }
    }

    /// Where reading of a topic's partitions has to start to get every record of a time or later; the end where there is none.
    ///
    /// It may be somewhat earlier than the first of them: some brokers name the beginning of the batch that it is in.
    /// - Parameter timeMs: ms since 1970, as the records' timestamps are.
    /// - Throws: `.unknownTopic`.
    public func offsets(topic: String, sinceMs timeMs: Int64) async throws(KafkaError) -> [Int32: Int64] {
        try await ask("offsets for a time") { (client, limit) throws(KafkaError) in
            let ranges = try client.offsets(topic: topic, limit: limit)
            let partitions = ranges.keys.map { KafkaTopicPartition(topic: topic, partition: $0) }
            // Below zero librdkafka takes the time for one of its names of an offset.
            let found = try client.listOffsets(partitions, time: max(0, timeMs), limit: limit)
            var offsets: [Int32: Int64] = [:]
            for (partition, range) in ranges {
                let offset = found[KafkaTopicPartition(topic: topic, partition: partition)] ?? -1
                offsets[partition] = offset < 0 ? range.high : offset
            }
            return offsets
        }
    }

    /// The oldest and next offsets of a topic's partitions.
    /// - Throws: `.unknownTopic`.
    public func offsets(topic: String) async throws(KafkaError) -> [Int32: KafkaOffsetRange] {
        try await ask("list offsets") { (client, limit) throws(KafkaError) in try client.offsets(topic: topic, limit: limit) }
    }

    /// Every offset that a group has committed.
    public func committedOffsets(group: String) async throws(KafkaError) -> [KafkaTopicPartition: Int64] {
        try await ask("list committed offsets") { (client, limit) throws(KafkaError) in try client.committedOffsets(group: group, limit: limit) }
    }

    /// How far a group is behind on each partition of some topics, sorted; partitions it has never committed count from their oldest record.
    /// - Throws: `.unknownTopic`.
    public func lag(group: String, topics: [String]) async throws(KafkaError) -> [KafkaLag] {
        try await ask("lag") { (client, limit) throws(KafkaError) in
            let committed = try client.committedOffsets(group: group, limit: limit)
            var lags: [KafkaLag] = []
            for topic in topics {
                for (number, range) in try client.offsets(topic: topic, limit: limit) {
                    let partition = KafkaTopicPartition(topic: topic, partition: number)
                    let position = max(committed[partition] ?? range.low, range.low)
                    lags.append(
                        KafkaLag(partition: partition, committed: committed[partition], end: range.high, messages: max(0, range.high - position)))
                }
            }
            return lags.sorted { $0.partition < $1.partition }
        }
    }

    /// Sets a group's committed offsets; the group must have no members. The coordinator is asked first, and refuses by itself if one joins meanwhile.
    /// - Throws: `.rebalanced` while it has; nothing is changed then.
    public func setOffsets(group: String, _ offsets: [KafkaTopicPartition: Int64]) async throws(KafkaError) {
        if let members = try await self.group(group)?.members, members > 0 {
            throw KafkaError(.rebalanced, operation: "set offsets", message: "the group has \(members) active members")
        }
        try await ask("set offsets") { (client, limit) throws(KafkaError) in
            let list = TopicPartitionList(offsets)
            var alter = rd_kafka_AlterConsumerGroupOffsets_new(group, list.pointer)
            defer { rd_kafka_AlterConsumerGroupOffsets_destroy(alter) }
            let event = try client.perform("set offsets", RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, limit: limit) { options, queue in
                rd_kafka_AlterConsumerGroupOffsets(client.pointer, &alter, 1, options, queue)
            }
            var count = 0
            let results = rd_kafka_AlterConsumerGroupOffsets_result_groups(rd_kafka_event_AlterConsumerGroupOffsets_result(event.pointer), &count)
            _ = try groupOffsets(results, count, operation: "set offsets")
        }
    }

    /// Deletes a group that has no members, with its offsets.
    public func deleteGroup(_ group: String) async throws(KafkaError) {
        try await ask("delete group") { (client, limit) throws(KafkaError) in
            var delete = rd_kafka_DeleteGroup_new(group)
            defer { rd_kafka_DeleteGroup_destroy(delete) }
            let event = try client.perform("delete group", RD_KAFKA_ADMIN_OP_DELETEGROUPS, limit: limit) { options, queue in
                rd_kafka_DeleteGroups(client.pointer, &delete, 1, options, queue)
            }
            var count = 0
            let results = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.pointer), &count)
            _ = try groupOffsets(results, count, operation: "delete group")
        }
    }
}

extension ClientHandle {
    fileprivate func offsets(topic: String, limit: Duration) throws(KafkaError) -> [Int32: KafkaOffsetRange] {
        guard let found = try metadata(limit: limit).topics.first(where: { $0.name == topic }) else {
            throw KafkaError(.unknownTopic, operation: "list offsets", message: "the topic does not exist")
        }
        return try offsetRanges(topic: topic, partitions: found.partitions, limit: limit)
    }

    fileprivate func committedOffsets(group: String, limit: Duration) throws(KafkaError) -> [KafkaTopicPartition: Int64] {
        var list = rd_kafka_ListConsumerGroupOffsets_new(group, nil)
        defer { rd_kafka_ListConsumerGroupOffsets_destroy(list) }
        let event = try perform("list committed offsets", RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, limit: limit) { options, queue in
            rd_kafka_ListConsumerGroupOffsets(pointer, &list, 1, options, queue)
        }
        var count = 0
        let results = rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event.pointer), &count)
        return try groupOffsets(results, count, operation: "list committed offsets")
    }
}

/// The offsets in per-group results, or the first error among them.
private func groupOffsets(
    _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, operation: String
) throws(KafkaError) -> [KafkaTopicPartition: Int64] {
    var offsets: [KafkaTopicPartition: Int64] = [:]
    for index in 0..<count {
        guard let result = results?[index] else { continue }
        if let error = rd_kafka_group_result_error(result) {
            throw KafkaError(rd_kafka_error_code(error), operation: operation, detail: String(cString: rd_kafka_error_string(error)))
        }
        for entry in TopicPartitionList.entries(rd_kafka_group_result_partitions(result)) {
            if entry.response != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(entry.response, operation: operation) }
            if entry.offset >= 0 { offsets[entry.partition] = entry.offset }
        }
    }
    return offsets
}
