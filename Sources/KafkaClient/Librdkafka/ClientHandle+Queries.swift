internal import CRdkafka

// Blocking questions to a broker; each is bounded in time. They run on a BlockingThread.
extension ClientHandle {
    /// Whether any broker answers a metadata request in time.
    func answers(within limit: Duration) -> Bool {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        guard rd_kafka_metadata(pointer, 0, nil, &metadata, limit.clampedMilliseconds) == RD_KAFKA_RESP_ERR_NO_ERROR else { return false }
        rd_kafka_metadata_destroy(metadata)
        return true
    }

    /// How many partitions a topic has.
    /// - Throws: `.unknownTopic`, or `.unreachable` or `.timeout` without an answer.
    func partitionCount(of topic: TopicHandle, limit: Duration) throws(KafkaError) -> Int {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let response = rd_kafka_metadata(pointer, 0, topic.pointer, &metadata, limit.clampedMilliseconds)
        guard response == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(response, operation: "metadata") }
        defer { rd_kafka_metadata_destroy(metadata) }
        guard metadata.pointee.topic_cnt > 0, let found = metadata.pointee.topics else {
            throw KafkaError(.unknownTopic, operation: "metadata", message: "the topic does not exist")
        }
        if found.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(found.pointee.err, operation: "metadata") }
        return Int(found.pointee.partition_cnt)
    }

    /// Every topic with its partitions, and the number of brokers.
    func metadata(limit: Duration) throws(KafkaError) -> (topics: [KafkaTopicMetadata], brokers: Int) {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let response = rd_kafka_metadata(pointer, 1, nil, &metadata, limit.clampedMilliseconds)
        guard response == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(response, operation: "metadata") }
        defer { rd_kafka_metadata_destroy(metadata) }
        let topics = UnsafeBufferPointer(start: metadata.pointee.topics, count: Int(metadata.pointee.topic_cnt))
        let found = topics.filter { $0.err == RD_KAFKA_RESP_ERR_NO_ERROR }.map { topic in
            let partitions = UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
            return KafkaTopicMetadata(
                name: String(cString: topic.topic), partitions: Int(topic.partition_cnt),
                replicationFactor: partitions.map { Int($0.replica_cnt) }.max() ?? 0)
        }
        return (found.sorted { $0.name < $1.name }, Int(metadata.pointee.broker_cnt))
    }

    /// The oldest (`.beginning`) or next (`.end`) offset of each partition.
    ///
    /// This is `offsets_for_times` with the protocol's -1 and -2 as times: one request per broker, and it keeps its limit, which
    /// `query_watermark_offsets` may not (librdkafka #4460).
    func listOffsets(_ partitions: [KafkaTopicPartition], at offset: KafkaOffset, limit: Duration) throws(KafkaError) -> [KafkaTopicPartition: Int64]
    {
        try listOffsets(partitions, time: offset.number, limit: limit)
    }

    /// The first offset of each partition whose record is of `time` (ms since 1970) or later, below 0 where there is none.
    func listOffsets(_ partitions: [KafkaTopicPartition], time: Int64, limit: Duration) throws(KafkaError) -> [KafkaTopicPartition: Int64] {
        if partitions.isEmpty { return [:] }
        let list = TopicPartitionList(partitions, offset: time)
        let response = rd_kafka_offsets_for_times(pointer, list.pointer, limit.clampedMilliseconds)
        guard response == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(response, operation: "list offsets") }
        var offsets: [KafkaTopicPartition: Int64] = [:]
        for entry in list.entries {
            guard entry.response == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(entry.response, operation: "list offsets") }
            offsets[entry.partition] = entry.offset
        }
        return offsets
    }

    /// The oldest and next offset of each partition of a topic.
    func offsetRanges(topic: String, partitions count: Int, limit: Duration) throws(KafkaError) -> [Int32: KafkaOffsetRange] {
        let partitions = (0..<Int32(clamping: count)).map { KafkaTopicPartition(topic: topic, partition: $0) }
        let low = try listOffsets(partitions, at: .beginning, limit: limit)
        let high = try listOffsets(partitions, at: .end, limit: limit)
        var ranges: [Int32: KafkaOffsetRange] = [:]
        for partition in partitions { ranges[partition.partition] = KafkaOffsetRange(low: low[partition] ?? 0, high: high[partition] ?? 0) }
        return ranges
    }
}

/// A topic as the brokers describe it.
public struct KafkaTopicMetadata: Sendable, Hashable {
    /// The topic's name.
    public let name: String
    /// How many partitions it has.
    public let partitions: Int
    /// How many copies of each partition are kept.
    public let replicationFactor: Int
}
