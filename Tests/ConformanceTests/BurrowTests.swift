import Foundation
import KafkaClient
import KafkaTestSupport
import Lag
import Testing

/// Burrow, the lag checker, as operators run it beside Kafka. It reads commits from `__consumer_offsets`.
@Suite(.timeLimit(.minutes(2)))
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

    /// Three groups: one keeps up, one falls behind, one ends.
    @Test func burrowAndTheLagSamplerAgree() async throws {
        let client = try OwnClient()
        let (prompt, slow, ended) = (try await LagCase("prompt", client), try await LagCase("slow", client), try await LagCase("ended", client))
        let cases = [prompt, slow, ended]
        var configuration = LagConfiguration(bootstrapServers: client.bootstrap)
        configuration.targets = cases.map { LagTarget(group: $0.group, topics: [$0.topic]) }
        configuration.window = .seconds(4)
        let sampler = try LagSampler(configuration: configuration, logger: .quiet)
        let producer = try client.producer()
        for _ in 0..<20 { for item in cases { _ = try await producer.send(item.record) } }
        // Burrow passes over commits to topics that it has not heard of.
        let burrow = try await Burrow(bootstrap: client.bootstrap)
        defer { burrow.stop() }
        var (rounds, known, ours, theirs) = (Int64(0), 0, [GroupLag](), [Burrow.Lag?]())
        let agreed = try await eventually(.seconds(60)) {
            rounds += 1
            _ = try await producer.send(prompt.record)
            try await prompt.commit(20 + rounds)
            for _ in 0..<3 { _ = try await producer.send(slow.record) }
            // Seldom: Burrow asks for ends once a second, and takes a lag for shrinking when two commits come in between.
            if rounds % 6 == 1 { try await slow.commit(rounds / 6 + 1) }
            // It ends once Burrow has seen it commit for a while.
            if known < 3 { try await ended.commit(min(rounds, 19)) }
            ours = await sampler.sample()
            theirs = []
            for item in cases { theirs.append(try await burrow.lag(of: item.group)) }
            if theirs.allSatisfy({ $0?.partitions.count == 1 }) { known += 1 }
            try await Task.sleep(for: .milliseconds(400))
            return ours.map(\.status) == [.ok, .warning, .stopped] && theirs.map { $0?.partitions.first?.status } == ["OK", "WARN", "STOP"]
        }
        #expect(agreed, "\(ours)\n\(theirs)\n\(burrow.log)")
        // The ended group moves no more, so the figures can be compared; the others' move between two questions.
        #expect(ours.last?.messages == theirs.last?.map { Int64($0.totalLag) })
        #expect(ours.first?.messages == 0)
        await sampler.shutdown()
        await producer.shutdown(flush: .seconds(5))
        for item in cases { await item.close() }
    }
}

/// A group with a topic of its own that commits what it is told.
private struct LagCase {
    let group: String
    let topic: String
    private let consumer: KafkaConsumer

    init(_ name: String, _ client: OwnClient) async throws {
        group = client.name(name)
        topic = try await client.topic(name)
        consumer = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: client.bootstrap, clientID: "conformance", groupID: group, topics: [topic]),
            logger: .quiet)
        guard try await consumer.rebalance(where: { if case .assigned = $0 { true } else { false } }) != nil else {
            throw ConformanceFailure("the group assigns nothing")
        }
    }

    var record: KafkaRecord { KafkaRecord(topic, "k", "v", partition: 0) }

    func commit(_ offset: Int64) async throws {
        try await consumer.commit([KafkaTopicPartition(topic: topic, partition: 0): offset])
    }

    func close() async { await consumer.close() }
}
