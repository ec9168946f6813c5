import NIOCore

/// `__consumer_offsets`: committed offsets once more as records, for those who read them there (Burrow and other lag monitors).
///
/// The broker itself keeps them in its state log and never reads this topic. The layouts are Apache Kafka's `OffsetCommitKey` 1 and `OffsetCommitValue` 3.
enum OffsetsTopic {
    static let name = "__consumer_offsets"
    /// No compaction: whoever reads begins at the end, so a few megabytes are enough.
    static let overrides = ["retention.bytes": "4194304", "segment.bytes": "1048576"]

    /// The batch that tells of `records`, or nil when none of them is about an offset. A deleted offset has a null value.
    static func batch(of records: [StateRecord], nowMs: Int64) -> ByteBuffer? {
        var body = ByteBuffer()
        var count: Int32 = 0
        for record in records {
            var key = WireWriter()
            var value: WireWriter?
            switch record {
            case .offset(let group, let topic, let partition, let offset):
                write(group, topic, partition, to: &key)
                var writer = WireWriter()
                writer.int16(3)
                writer.int64(offset.offset)
                writer.int32(offset.leaderEpoch)
                writer.string(offset.metadata ?? "")
                writer.int64(offset.committedAtMs)
                value = writer
            case .offsetDeleted(let group, let topic, let partition): write(group, topic, partition, to: &key)
            default: continue
            }
            append(number: count, key: key.buffer, value: value?.buffer, to: &body)
            count += 1
        }
        return count > 0 ? seal(body, count: count, nowMs: nowMs) : nil
    }

    private static func write(_ group: String, _ topic: String, _ partition: Int32, to key: inout WireWriter) {
        key.int16(1)
        key.string(group)
        key.string(topic)
        key.int32(partition)
    }

    /// One record of message format 2 (KIP-98).
    private static func append(number: Int32, key: ByteBuffer, value: ByteBuffer?, to body: inout ByteBuffer) {
        var record = ByteBuffer()
        record.writeInteger(Int8(0))
        varint(0, to: &record)
        varint(Int64(number), to: &record)
        varint(Int64(key.readableBytes), to: &record)
        record.writeImmutableBuffer(key)
        varint(Int64(value?.readableBytes ?? -1), to: &record)
        if let value { record.writeImmutableBuffer(value) }
        varint(0, to: &record)
        varint(Int64(record.readableBytes), to: &body)
        body.writeImmutableBuffer(record)
    }

    private static func seal(_ body: ByteBuffer, count: Int32, nowMs: Int64) -> ByteBuffer {
        var checked = WireWriter(capacity: BatchHeader.size + body.readableBytes)
        checked.int16(0)
        checked.int32(count - 1)
        checked.int64(nowMs)
        checked.int64(nowMs)
        checked.int64(-1)
        checked.int16(-1)
        checked.int32(-1)
        checked.int32(count)
        checked.buffer.writeImmutableBuffer(body)
        var batch = WireWriter(capacity: BatchHeader.size + body.readableBytes)
        batch.int64(0)
        batch.int32(Int32(9 + checked.buffer.readableBytes))
        batch.int32(0)
        batch.int8(2)
        batch.buffer.writeInteger(Crc32c.of(checked.buffer))
        batch.buffer.writeImmutableBuffer(checked.buffer)
        return batch.buffer
    }

    /// A zig-zag varint.
    private static func varint(_ value: Int64, to buffer: inout ByteBuffer) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }
}

extension Broker {
    /// Creates the topic on a data directory that has none. Its id, 0, is before those of all others.
    func createOffsetsTopic() {
        guard topics[OffsetsTopic.name] == nil, let settings = try? TopicConfiguration(overrides: OffsetsTopic.overrides) else { return }
        let stored = StoredTopic(id: 0, name: OffsetsTopic.name, partitions: 1, overrides: OffsetsTopic.overrides)
        topics[OffsetsTopic.name] = Topic(stored: stored, dataDirectory: configuration.dataDirectory, configuration: settings)
        pipeline.append([.topic(stored)])
    }

    /// Stores changes of committed offsets, and tells those who read them as records. No answer waits for the latter.
    func store(offsets records: [StateRecord], done: @escaping (ErrorCode) -> Void) {
        pipeline.append(records, done: done)
        let nowMs = Clock.nowMs()
        guard let partition = partition(OffsetsTopic.name, 0), let batch = OffsetsTopic.batch(of: records, nowMs: nowMs),
            let header = batch.withUnsafeReadableBytes({ BatchHeader($0) }), (try? partition.append(batch, header: header, nowMs: nowMs)) != nil
        else { return }
        pipeline.touch(partition, bytes: batch.readableBytes)
    }
}
