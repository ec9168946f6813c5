import KafkaClient
import KafkaTestSupport
import Testing

/// What the mock cluster cannot answer runs only against a broker.
@Suite(.timeLimit(.minutes(1)), .enabled(if: TestCluster.brokerBinary != nil))
struct AdminTests {
    @Test func topicsAreMadeDescribedGrownAndDeleted() async throws {
        let cluster = try TestCluster.shared.get()
        let admin = try cluster.admin()
        let topic = try await cluster.topic("admin", partitions: 2)
        #expect(try await admin.brokerCount() == 1)
        #expect(try await admin.topics().first { $0.name == topic }?.partitions == 2)
        let twice = await #expect(throws: KafkaError.self) { try await admin.createTopic(topic, partitions: 2) }
        #expect(twice?.code == .topicExists)
        try await admin.alterConfigs(topic: topic, ["retention.ms": "604800000"])
        try await admin.alterConfigs(topic: topic, ["max.message.bytes": "500000"])
        let configs = try await admin.configs(topic: topic)
        #expect(configs.first { $0.name == "retention.ms" } == KafkaTopicConfig(name: "retention.ms", value: "604800000", isOverridden: true))
        #expect(configs.first { $0.name == "max.message.bytes" }?.value == "500000")
        try await admin.createPartitions(topic: topic, total: 5)
        #expect(try await eventually { try await admin.topics().first { $0.name == topic }?.partitions == 5 })
        let fewer = await #expect(throws: KafkaError.self) { try await admin.createPartitions(topic: topic, total: 3) }
        #expect(fewer?.code == .invalidArgument)
        try await admin.deleteTopic(topic)
        #expect(try await eventually { try await admin.topics().allSatisfy { $0.name != topic } })
        let gone = await #expect(throws: KafkaError.self) { try await admin.deleteTopic(topic) }
        #expect(gone?.code == .unknownTopic)
        await admin.shutdown()
        let late = await #expect(throws: KafkaError.self) { _ = try await admin.topics() }
        #expect(late?.code == .closed)
    }

    @Test func lagIsWhatAGroupHasNotCommitted() async throws {
        let cluster = try TestCluster.shared.get()
        let admin = try cluster.admin()
        let topic = try await cluster.topic("lag", partitions: 2)
        let producer = try cluster.producer()
        let records = (0..<10).map { KafkaRecord(topic, "k", "\($0)", partition: Int32($0 % 2)) }
        for result in await producer.send(records) { _ = try result.get() }
        #expect(try await admin.offsets(topic: topic) == [0: KafkaOffsetRange(low: 0, high: 5), 1: KafkaOffsetRange(low: 0, high: 5)])
        let consumer = try cluster.consumer(group: topic, topics: [topic])
        _ = try await consumer.collect(10)
        let first = KafkaTopicPartition(topic: topic, partition: 0)
        try await consumer.commit([first: 3])
        #expect(try await admin.committedOffsets(group: topic) == [first: 3])
        let lag = try await admin.lag(group: topic, topics: [topic])
        #expect(lag.map(\.messages) == [2, 5])
        #expect(lag.map(\.committed) == [3, nil])
        let group = try await admin.groups().first { $0.name == topic }
        #expect(group?.members == 1)
        await consumer.close()
        #expect(try await eventually { try await admin.groups().first { $0.name == topic }?.members == 0 })
        try await admin.setOffsets(group: topic, [first: 0])
        #expect(try await admin.committedOffsets(group: topic)[first] == 0)
        try await admin.deleteGroup(topic)
        #expect(try await eventually { try await admin.groups().allSatisfy { $0.name != topic } })
        await producer.shutdown(flush: .seconds(5))
        await admin.shutdown()
    }

    @Test func aClusterThatIsAwayIsATypedError() async throws {
        var configuration = KafkaAdminConfiguration(bootstrapServers: "127.0.0.1:\(try BrokerProcess.freePort())", clientID: "nobody")
        configuration.limit = .milliseconds(300)
        let admin = try KafkaAdmin(configuration: configuration, logger: .quiet)
        for _ in 0..<2 {
            let error = await #expect(throws: KafkaError.self) { _ = try await admin.topics() }
            #expect(error?.disposition == .outage)
            let creation = await #expect(throws: KafkaError.self) { try await admin.createTopic("t", partitions: 1) }
            #expect(creation?.disposition == .outage)
        }
        await admin.shutdown()
    }
}
