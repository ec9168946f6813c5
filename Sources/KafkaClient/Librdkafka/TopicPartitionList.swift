internal import CRdkafka

/// The owner of one of librdkafka's lists of partitions with offsets.
struct TopicPartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int) {
        pointer = rd_kafka_topic_partition_list_new(Int32(clamping: capacity))
    }

    /// Takes a list over.
    init(owning pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        self.pointer = pointer
    }

    init(_ partitions: some Collection<KafkaTopicPartition>, offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID)) {
        self.init(capacity: partitions.count)
        for partition in partitions { append(partition, offset: offset) }
    }

    init(_ offsets: [KafkaTopicPartition: Int64]) {
        self.init(capacity: offsets.count)
        for (partition, offset) in offsets { append(partition, offset: offset) }
    }

    deinit {
        rd_kafka_topic_partition_list_destroy(pointer)
    }

    func append(_ partition: KafkaTopicPartition, offset: Int64) {
        let entry = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
        entry?.pointee.offset = offset
    }

    func append(topic: String) {
        rd_kafka_topic_partition_list_add(pointer, topic, -1)
    }

    /// The entries as values.
    var entries: [Entry] { Self.entries(pointer) }

    /// Reads a list that somebody else owns.
    static func entries(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> [Entry] {
        guard let list, let first = list.pointee.elems else { return [] }
        return (0..<Int(list.pointee.cnt)).map { index in
            let element = first[index]
            return Entry(
                partition: KafkaTopicPartition(topic: String(cString: element.topic), partition: element.partition), offset: element.offset,
                response: element.err)
        }
    }

    struct Entry {
        let partition: KafkaTopicPartition
        let offset: Int64
        let response: rd_kafka_resp_err_t
    }
}

extension KafkaOffset {
    /// librdkafka's number for it.
    var number: Int64 {
        switch self {
        case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
        case .end: Int64(RD_KAFKA_OFFSET_END)
        case .at(let offset): offset
        }
    }
}
