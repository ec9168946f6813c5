import NIOCore

/// What a fetch asks for.
struct FetchRequest {
    /// One partition's part.
    struct Part {
        let index: Int32
        let offset: Int64
        let maxBytes: Int
    }

    let maxWaitMs: Int32
    let minBytes: Int
    let maxBytes: Int
    let topics: [(name: String, parts: [Part])]

    /// Reads the request. Sessions (KIP-227) are not kept: the answer says session 0, and the client sends every partition each time.
    init(from reader: inout WireReader, version: Int16) throws(BrokerError) {
        _ = try reader.int32()
        maxWaitMs = min(max(0, try reader.int32()), BrokerLimits.maxFetchWaitMs)
        minBytes = Int(try reader.int32())
        maxBytes = min(max(0, Int(try reader.int32())), BrokerLimits.maxFetchBytes)
        _ = try reader.int8()  // The isolation level: without transactions there is one.
        if version >= 7 {
            _ = try reader.int32()
            _ = try reader.int32()
        }
        topics = try reader.array { reader throws(BrokerError) in
            let name = try reader.string()
            let parts = try reader.array { reader throws(BrokerError) in
                let index = try reader.int32()
                if version >= 9 { _ = try reader.int32() }
                let offset = try reader.int64()
                if version >= 5 { _ = try reader.int64() }
                return Part(index: index, offset: offset, maxBytes: max(0, Int(try reader.int32())))
            }
            return (name, parts)
        }
        // The forgotten partitions of a session and the rack follow; neither matters here.
    }
}

/// Key 1.
extension Broker {
    /// Answers at once when there is enough to read, or an error to tell; else when there is, or when the client's time is up.
    func handleFetch(_ exchange: Exchange, _ reader: inout WireReader) throws(BrokerError) {
        let request = try FetchRequest(from: &reader, version: exchange.version)
        var logs: [PartitionLog] = []
        var available = 0
        var mustAnswer = request.maxWaitMs == 0 || request.minBytes <= 0
        for topic in request.topics {
            let known = topics[topic.name]
            for part in topic.parts {
                guard let log = known?.partition(part.index), part.offset >= log.startOffset, part.offset <= log.highWatermark else {
                    mustAnswer = true
                    continue
                }
                available += min(part.maxBytes, log.readableBytes(from: part.offset))
                logs.append(log)
            }
        }
        if mustAnswer || available >= request.minBytes { return answerFetch(exchange, request, available: available) }
        let waiter = FetchWaiter(exchange: exchange, request: request, missingBytes: request.minBytes - available, partitions: logs)
        waiter.timer = loop.scheduleTask(in: .milliseconds(Int64(request.maxWaitMs))) { [weak self] in self?.finish(waiter) }
        exchange.hurry = { [weak self] in self?.finish(waiter) }
        exchange.abandoned = { _ = waiter.end() }
    }

    /// Answers a fetch that waited.
    func finish(_ waiter: FetchWaiter) {
        guard waiter.end() else { return }
        var available = 0
        for topic in waiter.request.topics {
            for part in topic.parts { available += min(part.maxBytes, partition(topic.name, part.index)?.readableBytes(from: part.offset) ?? 0) }
        }
        answerFetch(waiter.exchange, waiter.request, available: available)
    }

    /// Answers with what is in memory; when a part of it is on the disk, has it read on another thread first. The second time, `waits` is set.
    private func answerFetch(_ exchange: Exchange, _ request: FetchRequest, available: Int, waits: Bool = false) {
        let version = exchange.version
        let overhead = request.topics.reduce(64) { $0 + $1.name.utf8.count + 8 + $1.parts.count * 48 }
        var writer = answerBuffers.writer(capacity: Exchange.prefixBytes + overhead + min(available, request.maxBytes))
        exchange.begin(&writer)
        writer.noThrottle()
        if version >= 7 {
            writer.error(.none)
            writer.int32(0)
        }
        var budget = request.maxBytes
        var isFirst = true
        var cold: [LogSpan] = []
        writer.array(request.topics) { writer, topic in
            let known = topics[topic.name]
            writer.string(topic.name)
            writer.array(topic.parts) { writer, part in
                let log = known?.partition(part.index)
                let maxBytes = min(part.maxBytes, budget)
                var count = write(part, of: log, version: version, maxBytes: maxBytes, atLeastOne: isFirst, waits: waits, to: &writer)
                if count == nil, let span = log?.span(from: part.offset, maxBytes: maxBytes) {
                    cold.append(span)
                    count = maxBytes
                }
                if let count, count > 0 { isFirst = false }
                budget = max(0, budget - (count ?? 0))
            }
        }
        guard cold.isEmpty else {
            answerBuffers.giveBack(writer.buffer)
            return load(cold, for: exchange) { [self] in answerFetch(exchange, request, available: available, waits: true) }
        }
        exchange.send(&writer)
        answerBuffers.giveBack(writer.buffer)
    }

    /// Has `spans` read on the reader's thread, and goes on when they are in memory. Meanwhile nothing more is taken from the connection.
    func load(_ spans: [LogSpan], for exchange: Exchange, then goOn: @escaping () -> Void) {
        exchange.isBusy = true
        let goOn = NIOLoopBound(goOn, eventLoop: loop.nonisolated())
        let exchange = NIOLoopBound(exchange, eventLoop: loop.nonisolated())
        reader.submit {
            for span in spans { span.load() }
            goOn.eventLoop.execute {
                exchange.value.isBusy = false
                if exchange.value.connection != nil { goOn.value() }
            }
        }
    }

    /// Writes one partition's part and returns the bytes of records in it, or nil when they must be read from the disk first.
    private func write(
        _ part: FetchRequest.Part, of log: PartitionLog?, version: Int16, maxBytes: Int, atLeastOne: Bool, waits: Bool, to writer: inout WireWriter
    ) -> Int? {
        var error = ErrorCode.none
        if let log {
            if part.offset < log.startOffset || part.offset > log.highWatermark { error = .offsetOutOfRange }
        } else {
            error = .unknownTopicOrPartition
        }
        writer.int32(part.index)
        let errorPosition = writer.buffer.writerIndex
        writer.error(error)
        let watermark = log?.highWatermark ?? -1
        writer.int64(watermark)
        writer.int64(watermark)
        if version >= 5 { writer.int64(log?.startOffset ?? -1) }
        writer.count(0)  // Aborted transactions.
        if version >= 11 { writer.int32(-1) }
        // No records are a length of 0: librdkafka does not take null.
        let lengthPosition = writer.buffer.writerIndex
        writer.int32(0)
        guard let log, error == .none, maxBytes > 0 || atLeastOne else { return 0 }
        let start = writer.buffer.writerIndex
        do throws(BrokerError) {
            try log.read(from: part.offset, maxBytes: maxBytes, atLeastOne: atLeastOne, waits: waits, into: &writer.buffer)
        } catch {
            writer.buffer.moveWriterIndex(to: start)
            if error.code == .notCached { return nil }
            logger.error(
                "records not readable",
                metadata: ["kafka.topic": "\(log.topic)", "kafka.partition": "\(log.index)", "kafka.offset": "\(part.offset)", "error": "\(error)"])
            writer.buffer.setInteger(ErrorCode.kafkaStorageError.rawValue, at: errorPosition)
        }
        let count = writer.buffer.writerIndex - start
        writer.buffer.setInteger(Int32(count), at: lengthPosition)
        return count
    }
}
