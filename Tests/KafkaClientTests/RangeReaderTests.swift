import KafkaClient
import KafkaTestSupport
import Testing

/// Needs times of records and retention, which the mock cluster does not have.
@Suite(.timeLimit(.minutes(1)), .enabled(if: TestCluster.brokerBinary != nil))
struct RangeReaderTests {
    private func filled(_ cluster: TestCluster, partitions: Int, each: Int) async throws -> String {
        let topic = try await cluster.topic("range", partitions: partitions)
        let producer = try cluster.producer()
        for number in 0..<each {
            let records = (0..<partitions).map { partition in
                KafkaRecord(
                    topic: topic, partition: Int32(partition), key: Array("k".utf8), value: Array("\(number)".utf8),
                    timestampMs: 1_000_000 + Int64(number) * 1000)
            }
            for result in await producer.send(records) { _ = try result.get() }
        }
        await producer.shutdown(flush: .seconds(5))
        return topic
    }

    private func read(_ cluster: TestCluster, _ ranges: [KafkaTopicPartition: Range<Int64>], max: Int = 7) async throws -> [KafkaMessage] {
        let reader = try KafkaRangeReader(bootstrapServers: cluster.bootstrap, clientID: "range", ranges: ranges, logger: .quiet)
        var messages: [KafkaMessage] = []
        while let next = try await reader.next(max: max) { messages += next }
        await reader.close()
        return messages
    }

    @Test func rangesAreReadExactlyAndEnd() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await filled(cluster, partitions: 3, each: 20)
        let places = (0..<3).map { KafkaTopicPartition(topic: topic, partition: $0) }
        let messages = try await read(cluster, [places[0]: 0..<20, places[1]: 5..<9, places[2]: 19..<19])
        #expect(messages.filter { $0.partition == 0 }.map(\.offset) == Array(0..<20))
        #expect(messages.filter { $0.partition == 1 }.map(\.offset) == Array(5..<9))
        #expect(messages.allSatisfy { $0.partition != 2 })
        let nothing = try await read(cluster, [places[0]: 4..<4])
        #expect(nothing.isEmpty)
    }

    @Test func aTimeIsTheFirstOffsetOfThatMomentOrLater() async throws {
        let cluster = try TestCluster.shared.get()
        let admin = try cluster.admin()
        let topic = try await filled(cluster, partitions: 2, each: 10)
        let exact = try await admin.offsets(topic: topic, sinceMs: 1_004_000)
        #expect(exact == [0: 4, 1: 4])
        let between = try await admin.offsets(topic: topic, sinceMs: 1_004_001)
        #expect(between == [0: 5, 1: 5])
        let before = try await admin.offsets(topic: topic, sinceMs: 1)
        #expect(before == [0: 0, 1: 0])
        let after = try await admin.offsets(topic: topic, sinceMs: 2_000_000)
        #expect(after == [0: 10, 1: 10])
        await admin.shutdown()
    }

    @Test func aGroupsOffsetsAreSetOnlyWhileItIsEmpty() async throws {
        let cluster = try TestCluster.shared.get()
        let admin = try cluster.admin()
        let topic = try await filled(cluster, partitions: 1, each: 5)
        let place = KafkaTopicPartition(topic: topic, partition: 0)
        let consumer = try cluster.consumer(group: topic, topics: [topic])
        #expect(try await consumer.collect(5).count == 5)
        try await consumer.commit([place: 5])
        let refused = await #expect(throws: KafkaError.self) { try await admin.setOffsets(group: topic, [place: 1]) }
        #expect(refused?.code == .rebalanced)
        let kept = try await admin.committedOffsets(group: topic)
        #expect(kept == [place: 5])
        await consumer.close()
        let isEmpty = try await eventually { try await admin.group(topic)?.members == 0 }
        #expect(isEmpty)
        try await admin.setOffsets(group: topic, [place: 1])
        let again = try cluster.consumer(group: topic, topics: [topic])
        let messages = try await again.collect(4)
        #expect(messages.map(\.offset) == [1, 2, 3, 4])
        await again.close()
        await admin.shutdown()
    }
}
