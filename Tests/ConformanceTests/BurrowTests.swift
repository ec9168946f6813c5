import Foundation
import KafkaClient
import KafkaTestSupport
import Testing

/// Burrow, the lag checker, as operators run it beside Kafka. It reads commits from `__consumer_offsets`.
@Suite(.timeLimit(.minutes(1)))
struct BurrowTests {
    @Test func burrowTellsAGroupsLag() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("burrow", partitions: 2)
        let group = client.name("burrow")
        try await client.produce((0..<20).map { (number: Int32) in KafkaRecord(topic, "k", "\(number)", partition: number % 2) })
        let burrow = try await Burrow(bootstrap: client.bootstrap)
        defer { burrow.stop() }
        let consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: client.bootstrap, clientID: "conformance", groupID: group, topics: [topic]),
            logger: .quiet)
        let read = try await consumer.collect(20)
        #expect(read.count == 20)
        // Burrow sees what is committed from its own start on, so the commit is repeated until it tells of it: 7 of 10 and 10 of 10.
        let partitions = [KafkaTopicPartition(topic: topic, partition: 0): Int64(7), KafkaTopicPartition(topic: topic, partition: 1): 10]
        var lag: Burrow.Lag?
        let told = try await eventually(.seconds(30)) {
            try await consumer.commit(partitions)
            lag = try await burrow.lag(of: group)
            return lag?.partitions.count == 2 && lag?.totalLag == 3
        }
        #expect(told, "\(String(describing: lag))\n\(burrow.log)")
        #expect(lag?.partitions.first { $0.partition == 0 }?.lag == 3)
        #expect(lag?.partitions.first { $0.partition == 1 }?.lag == 0)
        #expect(lag?.partitions.allSatisfy { $0.topic == topic } == true)
        await consumer.close()
    }
}
