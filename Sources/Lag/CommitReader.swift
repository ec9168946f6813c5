import KafkaClient
import Logging

/// Reads from the coordinators' own list, the topic `__consumer_offsets`, when groups committed what.
///
/// That a group commits an offset again shows nowhere else: the answer to "which offset is committed" has no time.
actor CommitReader {
    /// A commit and whose it is.
    struct Entry: Sendable, Hashable {
        let place: LagPlace
        let commit: LagCommit
    }

    static let topic = "__consumer_offsets"
    /// Silence after which there is nothing more to come: the end of a partition may be made of marks that are not handed over.
    private static let silence = Duration.milliseconds(500)

    private let consumer: KafkaConsumer
    private let spanMs: Int64
    /// The next offset of each partition; empty before the first reading.
    private var positions: [Int32: Int64] = [:]
    private var sinceMs: Int64?
    private var readMs: Int64 = 0
    /// Something has come, or should have: until then silence only tells that the first fetch takes its time.
    private var isFlowing = false

    /// - Parameter spanMs: how far back the first reading begins, in ms.
    init(bootstrapServers: String, clientID: String, spanMs: Int64, logger: Logger) throws(KafkaError) {
        let configuration = KafkaConsumerConfiguration(bootstrapServers: bootstrapServers, clientID: clientID)
        consumer = try KafkaConsumer(configuration: configuration, logger: logger)
        self.spanMs = spanMs
    }

    /// What was committed since the last reading, oldest first for each place.
    /// - Returns: also since when every commit is known, in ms since 1970; nil while this has not caught up.
    /// - Throws: what the brokers answer, `.unknownTopic` before the first commit ever and `.unauthorized` among it.
    func read(admin: KafkaAdmin, nowMs: Int64, limit: Duration) async throws(KafkaError) -> (entries: [Entry], sinceMs: Int64?) {
        let deadline = ContinuousClock.now + limit
        // After a long pause it begins anew rather than read what no window holds any more.
        if positions.isEmpty || nowMs - readMs > spanMs {
            let starts = try await admin.offsets(topic: Self.topic, sinceMs: nowMs - spanMs)
            let places = starts.map { (KafkaTopicPartition(topic: Self.topic, partition: $0.key), KafkaOffset.at($0.value)) }
            try await consumer.assign(Dictionary(uniqueKeysWithValues: places))
            positions = starts
            sinceMs = nowMs - spanMs
            isFlowing = false
        }
        readMs = nowMs
        let ends = try await admin.offsets(topic: Self.topic)
        var entries: [Entry] = []
        var last = ContinuousClock.now
        while !hasReached(ends) {
            if ContinuousClock.now >= deadline {
                isFlowing = true
                return (entries, nil)
            }
            let batch = try await consumer.next(max: 10_000, wait: .milliseconds(100))
            for message in batch.messages {
                positions[message.partition] = message.offset + 1
                if let entry = Self.entry(message) { entries.append(entry) }
            }
            if !batch.messages.isEmpty {
                last = .now
                isFlowing = true
            }
            if isFlowing, ContinuousClock.now - last >= Self.silence {
                for (partition, end) in ends { positions[partition] = max(positions[partition] ?? 0, end.high) }
            }
        }
        return (entries, sinceMs)
    }

    /// Ends the reader.
    func close() async {
        await consumer.close()
    }

    private func hasReached(_ ends: [Int32: KafkaOffsetRange]) -> Bool {
        positions.allSatisfy { partition, position in ends[partition].map { position >= $0.high } ?? true }
    }

    /// Apache Kafka's `OffsetCommitKey` 0 and 1, and `OffsetCommitValue`, which begins with version and offset in all its versions. The coordinator
    /// stamps the record with the time of the commit.
    static func entry(_ message: KafkaMessage) -> Entry? {
        guard let key = message.key, let value = message.value, let atMs = message.timestampMs else { return nil }
        var fields = BigEndianFields(key)
        guard let version = fields.number(2), version <= 1, let group = fields.text(), let topic = fields.text(), let partition = fields.number(4)
        else { return nil }
        fields = BigEndianFields(value)
        guard fields.number(2) != nil, let offset = fields.number(8) else { return nil }
        let place = LagPlace(group: group, partition: KafkaTopicPartition(topic: topic, partition: Int32(truncatingIfNeeded: partition)))
        return Entry(place: place, commit: LagCommit(atMs: atMs, offset: offset))
    }
}

/// Numbers and texts as Kafka's protocol writes them; nil where the bytes end too early.
struct BigEndianFields {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// A signed number of some bytes.
    mutating func number(_ size: Int) -> Int64? {
        guard rest.count >= size else { return nil }
        let bits = rest.prefix(size).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(size)
        let shift = 64 - 8 * size
        return Int64(bitPattern: bits << UInt64(shift)) >> Int64(shift)
    }

    /// A text after its length in two bytes.
    mutating func text() -> String? {
        guard let size = number(2), size >= 0, rest.count >= Int(size) else { return nil }
        defer { rest = rest.dropFirst(Int(size)) }
        return String(decoding: rest.prefix(Int(size)), as: UTF8.self)
    }
}
