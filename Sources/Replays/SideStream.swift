import KafkaClient
import Topics

/// Copies records onto the redrive topic of one consumer group, byte for byte, where its workers handle them beside what they read anyway.
struct SideStream {
    /// Records that are sent and acknowledged before the progress is written.
    static let portion = 500

    let desk: ReplayDesk
    let admin: KafkaAdmin

    /// Where a consumer group finds what it alone is to handle again.
    static func topic(of group: String) -> String { "\(group).redrive" }

    func run(
        _ work: ReplayStore.Work, _ group: String, _ owner: String, _ progress: @escaping @Sendable (ReplayProgress) -> Void
    ) async throws -> ReplayReport {
        let redrive = Self.topic(of: group)
        guard let partitions = try await admin.topics().first(where: { $0.name == redrive })?.partitions else {
            throw ReplayError(.invalidRequest, "send", "there is no topic \(redrive)")
        }
        var configuration = KafkaProducerConfiguration(bootstrapServers: desk.bootstrapServers, clientID: "replay")
        configuration.messageTimeout = .seconds(10)
        let producer = try KafkaProducer(configuration: configuration, logger: desk.logger)
        do {
            let report = try await send(work, group, owner, redrive, partitions, producer, progress)
            await producer.shutdown(flush: .seconds(5))
            return report
        } catch {
            await producer.shutdown(flush: .zero)
            throw error
        }
    }

    private func send(
        _ work: ReplayStore.Work, _ group: String, _ owner: String, _ redrive: String, _ partitions: Int, _ producer: KafkaProducer,
        _ progress: @Sendable (ReplayProgress) -> Void
    ) async throws -> ReplayReport {
        let stretches = work.stretches
        let filter = RecordFilter(work.request)
        var meter = Meter(
            id: work.id, phase: "reading", total: stretches.reduce(0) { $0 + $1.until - $1.from },
            read: stretches.reduce(0) { $0 + $1.next - $1.from }, taken: stretches.reduce(0) { $0 + $1.taken })
        var pace = Pace(rate: work.request.rate)
        let ranges = Dictionary(uniqueKeysWithValues: stretches.map { ($0.partition, $0.next..<max($0.next, $0.until)) })
        progress(meter.state)
        try await desk.reading(ranges) { messages in
            let portion = pace.portion(atMost: Self.portion)
            // A portion of what is sent, with everything before it that is not.
            var begin = messages.startIndex
            while begin < messages.endIndex {
                var (end, chosen): (Int, [KafkaMessage]) = (begin, [])
                while end < messages.endIndex, chosen.count < portion {
                    if filter.fits(messages[end]) { chosen.append(messages[end]) }
                    end += 1
                }
                let acks = await producer.send(
                    chosen.map { Self.copy(of: $0, to: redrive, partition: Int($0.partition) < partitions ? $0.partition : nil, replay: work.id) })
                for ack in acks { _ = try ack.get() }
                try desk.checkpoint("after a portion was sent")
                var taken: [KafkaTopicPartition: Int64] = [:]
                for message in chosen { taken[message.topicPartition, default: 0] += 1 }
                try await desk.store.progress(work.id, owner: owner, next: Array(messages[begin..<end]).next, taken: taken)
                if let state = meter.add(read: Int64(end - begin), taken: Int64(chosen.count)) { progress(state) }
                try desk.checkpoint("after the progress was written")
                try await pace.pass(chosen.count)
                begin = end
            }
        }
        progress(meter.state)
        let report = ReplayReport(
            id: work.id, kind: "worker", target: group, topic: work.request.topic, read: meter.read, taken: meter.taken, leftOut: 0,
            seconds: meter.seconds)
        let store = desk.store
        try await desk.database.withConnection { connection in try store.succeed(report, owner: owner, on: connection) }
        return report
    }

    /// The record, with the replay and where it came from in further headers. What stood in a DLQ or a retry topic came from elsewhere, and says so.
    static func copy(of message: KafkaMessage, to topic: String, partition: Int32?, replay: String) -> KafkaRecord {
        var headers = message.headers
        headers.append(KafkaHeader(name: "replay_id", text: replay))
        if headers.text("dlq_topic") == nil {
            headers.append(KafkaHeader(name: "dlq_topic", text: message.topic))
            headers.append(KafkaHeader(name: "dlq_partition", text: "\(message.partition)"))
            headers.append(KafkaHeader(name: "dlq_offset", text: "\(message.offset)"))
        }
        return KafkaRecord(
            topic: topic, partition: partition, key: message.key, value: message.value, headers: headers, timestampMs: message.timestampMs)
    }
}
