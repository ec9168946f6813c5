import NIOCore

/// Key 0.
extension Broker {
    /// Stores one batch per partition and answers when all are written (and durable, where the policy says so).
    func handleProduce(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        guard exchange.version >= 3 else { return try refuseOldProduce(exchange, &reader) }
        let transactionalID = try reader.nullableString()
        let acks = try reader.int16()
        _ = try reader.int32()  // The time-out for replicas, of which there are none.
        let produce = PendingProduce(exchange: exchange, wantsAnswer: acks != 0)
        let nowMs = Clock.nowMs()
        for _ in 0..<(try reader.count()) {
            let name = try reader.string()
            let topic = topics[name]
            produce.beginTopic(name)
            for _ in 0..<(try reader.count()) {
                let index = try reader.int32()
                let records = try reader.nullableBytes() ?? ByteBuffer()
                if transactionalID != nil {
                    produce.add(index, error: .transactionalIDAuthorizationFailed)
                } else if name == OffsetsTopic.name {
                    produce.add(index, error: .invalidTopic)
                } else if let partition = topic?.partition(index) {
                    store(records, in: partition, for: produce, nowMs: nowMs)
                } else {
                    produce.add(index, error: .unknownTopicOrPartition)
                }
            }
        }
        produce.allAdded()
    }

    private func store(_ records: ByteBuffer, in partition: PartitionLog, for produce: PendingProduce, nowMs: Int64) {
        let maxBytes = partition.configuration.maxMessageBytes
        let refusal = records.withUnsafeReadableBytes { BatchHeader.refusal(of: $0, maxBytes: maxBytes) }
        if let refusal { return produce.add(partition.index, error: refusal) }
        guard let header = records.withUnsafeReadableBytes({ BatchHeader($0) }) else { return produce.add(partition.index, error: .corruptMessage) }
        switch partition.producers.judge(header) {
        case .refuse(let error):
            logger.debug(
                "batch refused",
                metadata: [
                    "kafka.topic": "\(partition.topic)", "kafka.partition": "\(partition.index)", "kafka.producer": "\(header.producerID)",
                    "kafka.sequence": "\(header.baseSequence)", "error": "\(error)",
                ])
            produce.add(partition.index, error: error)
        case .duplicate(let baseOffset, let lastOffset):
            // The first copy may still be on its way to the disk.
            produce.add(partition.index, baseOffset: baseOffset, lastOffset: lastOffset, in: partition)
        case .append:
            do throws(BrokerError) {
                let baseOffset = try partition.append(records, header: header, nowMs: nowMs)
                pipeline.touch(partition, bytes: records.readableBytes)
                produce.add(partition.index, baseOffset: baseOffset, lastOffset: baseOffset + Int64(header.lastOffsetDelta), in: partition)
            } catch {
                logger.error("batch not stored", metadata: ["kafka.topic": "\(partition.topic)", "error": "\(error)"])
                produce.add(partition.index, error: .kafkaStorageError)
            }
        }
    }

    /// Versions 0 to 2 carry message formats that nobody has sent since 2017; each partition is told so.
    private func refuseOldProduce(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let acks = try reader.int16()
        _ = try reader.int32()
        let produce = PendingProduce(exchange: exchange, wantsAnswer: acks != 0)
        for _ in 0..<(try reader.count()) {
            produce.beginTopic(try reader.string())
            for _ in 0..<(try reader.count()) {
                produce.add(try reader.int32(), error: .unsupportedForMessageFormat)
                _ = try reader.nullableBytes()
            }
        }
        produce.allAdded()
    }
}

/// A produce request on its way: answered when each of its batches is stored or refused. Confined to the event loop.
final class PendingProduce {
    private struct Part {
        let index: Int32
        var error: ErrorCode
        let baseOffset: Int64
        let startOffset: Int64
    }

    private let exchange: Exchange
    private let wantsAnswer: Bool
    private var topics: [(name: String, parts: [Part])] = []
    /// One for ``allAdded()``, and one for each batch that is not stored yet.
    private var open = 1

    init(exchange: Exchange, wantsAnswer: Bool) {
        self.exchange = exchange
        self.wantsAnswer = wantsAnswer
    }

    /// The parts that follow belong to this topic.
    func beginTopic(_ name: String) {
        topics.append((name, []))
    }

    /// A part that is refused.
    func add(_ index: Int32, error: ErrorCode) {
        topics[topics.count - 1].parts.append(Part(index: index, error: error, baseOffset: -1, startOffset: -1))
    }

    /// A part that was given offsets in `partition`.
    func add(_ index: Int32, baseOffset: Int64, lastOffset: Int64, in partition: PartitionLog) {
        let topic = topics.count - 1
        let part = topics[topic].parts.count
        topics[topic].parts.append(Part(index: index, error: .none, baseOffset: baseOffset, startOffset: partition.startOffset))
        open += 1
        partition.whenStored(lastOffset) { [self] error in
            topics[topic].parts[part].error = error
            finishOne()
        }
    }

    /// The request is read to its end.
    func allAdded() {
        finishOne()
    }

    private func finishOne() {
        open -= 1
        guard open == 0 else { return }
        guard wantsAnswer else {
            // Without an answer, a closed connection is the only way to say that something was refused.
            if topics.contains(where: { $0.parts.contains { $0.error != .none } }) { exchange.closeConnection() }
            return exchange.finishSilently()
        }
        let version = exchange.version
        exchange.reply(capacity: topics.reduce(16) { $0 + $1.name.utf8.count + 8 + $1.parts.count * 32 }) { writer in
            writer.array(topics) { writer, topic in
                writer.string(topic.name)
                writer.array(topic.parts) { writer, part in
                    writer.int32(part.index)
                    writer.error(part.error)
                    writer.int64(part.error == .none ? part.baseOffset : -1)
                    if version >= 2 { writer.int64(-1) }
                    if version >= 5 { writer.int64(part.startOffset) }
                }
            }
            if version >= 1 { writer.noThrottle() }
        }
    }
}
