import Foundation
import KafkaClient
import KafkaTestSupport
import Testing

@testable import Lag

/// Against a broker: needs times, groups and retention, which librdkafka's mock does not have.
@Suite(.timeLimit(.minutes(2)), .enabled(if: TestCluster.brokerBinary != nil))
struct LagSamplerTests {
    private static let window = Duration.seconds(3)

    private func sampler(_ cluster: TestCluster, _ targets: LagTarget..., window: Duration = Self.window) throws -> LagSampler {
        var configuration = LagConfiguration(bootstrapServers: cluster.bootstrap)
        configuration.targets = targets
        configuration.window = window
        return try LagSampler(configuration: configuration, logger: .quiet)
    }

    private func group() -> String { "lag.\(UUID().uuidString.prefix(8).lowercased())" }

    /// Writes records to a partition, as old as given.
    private func write(_ cluster: TestCluster, _ topic: String, _ count: Int, partition: Int32 = 0, secondsAgo: Double = 0) async throws {
        let producer = try cluster.producer()
        let timeMs = Int64((Date.now.timeIntervalSince1970 - secondsAgo) * 1000)
        let records = (0..<count).map { number in
            KafkaRecord(topic: topic, partition: partition, key: Array("k".utf8), value: Array("\(number)".utf8), timestampMs: timeMs)
        }
        for result in await producer.send(records) { _ = try result.get() }
        await producer.shutdown(flush: .seconds(5))
    }

    private func set(_ cluster: TestCluster, _ group: String, _ offsets: [KafkaTopicPartition: Int64]) async throws {
        let admin = try cluster.admin()
        try await admin.setOffsets(group: group, offsets)
        await admin.shutdown()
    }

    @Test func aGroupWithoutMembersIsStoppedAtTheFirstLook() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        try await write(cluster, topic, 5, secondsAgo: 20)
        let sampler = try sampler(cluster, LagTarget(group: group(), topics: [topic]))
        let lag = try #require(await sampler.sample().first)
        await sampler.shutdown()
        #expect(lag.members == 0)
        #expect(lag.messages == 5)
        #expect(lag.partitions.first?.committed == nil)
        #expect(lag.partitions.first?.end == 5)
        #expect((19.0...40).contains(lag.seconds ?? 0), "\(String(describing: lag.seconds))")
        #expect(lag.status == .stopped)
    }

    @Test func anEmptyTopicIsWell() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag", partitions: 2)
        let sampler = try sampler(cluster, LagTarget(group: group(), topics: [topic]))
        let lag = try #require(await sampler.sample().first)
        await sampler.shutdown()
        #expect(lag.partitions.count == 2)
        #expect(lag.messages == 0)
        #expect(lag.seconds == 0)
        #expect(lag.rateIn == 0)
        #expect(lag.status == .ok)
    }

    @Test func groupsThatStandDifferentlyOnAPartitionHaveTheirOwnAges() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        for secondsAgo in [300.0, 200, 100] { try await write(cluster, topic, 1, secondsAgo: secondsAgo) }
        let place = KafkaTopicPartition(topic: topic, partition: 0)
        let (early, late, done) = (group(), group(), group())
        try await set(cluster, early, [place: 1])
        try await set(cluster, late, [place: 2])
        try await set(cluster, done, [place: 3])
        let sampler = try sampler(
            cluster, LagTarget(group: early), LagTarget(group: late), LagTarget(group: done), LagTarget(group: group(), topics: [topic]))
        let lags = await sampler.sample()
        await sampler.shutdown()
        #expect(lags.map { $0.messages } == [2, 1, 0, 3])
        for (lag, age) in zip(lags, [200.0, 100, 0, 300]) { #expect(abs((lag.seconds ?? -100) - age) < 30, "\(lag)") }
    }

    @Test func aTopicThatDoesNotExistIsUnknownAndNotZero() async throws {
        let cluster = try TestCluster.shared.get()
        let sampler = try sampler(cluster, LagTarget(group: group(), topics: ["lag.nowhere"]), LagTarget(group: group()))
        let lags = await sampler.sample()
        await sampler.shutdown()
        #expect(lags[0].missing == ["lag.nowhere"])
        #expect(lags[0].messages == nil)
        #expect(lags[0].status == .unknown)
        // A group that nobody has declared and that has committed nothing.
        #expect(lags[1].messages == nil)
        #expect(lags[1].status == .unknown)
    }

    @Test func withoutABrokerNothingIsKnownAndTheAnswerComesInTime() async throws {
        var configuration = LagConfiguration(bootstrapServers: "127.0.0.1:\(try BrokerProcess.freePort())")
        configuration.targets = (0..<20).map { LagTarget(group: "g\($0)", topics: ["t"]) }
        configuration.limit = .seconds(1)
        let sampler = try LagSampler(configuration: configuration, logger: .quiet)
        let start = ContinuousClock.now
        let lags = await sampler.sample()
        #expect(ContinuousClock.now - start < .seconds(6))
        await sampler.shutdown()
        #expect(lags.count == 20)
        #expect(lags.allSatisfy { $0.messages == nil && $0.members == nil && $0.status == .unknown })
    }

    @Test func aLostBrokerTurnsFiguresIntoUnknownAndItsReturnBack() async throws {
        let cluster = try TestCluster()
        let broker = try #require(cluster.broker)
        let topic = try await cluster.topic("lag", partitions: 2)
        try await write(cluster, topic, 4)
        var configuration = LagConfiguration(bootstrapServers: cluster.bootstrap)
        configuration.targets = [LagTarget(group: group(), topics: [topic])]
        configuration.limit = .seconds(1)
        let sampler = try LagSampler(configuration: configuration, logger: .quiet)
        #expect(await sampler.sample().first?.messages == 4)
        broker.kill()
        let away = try #require(await sampler.sample().first)
        #expect(away.partitions.count == 2)
        #expect(away.partitions.allSatisfy { $0.messages == nil && $0.end == nil && $0.seconds == nil && $0.status == .unknown })
        #expect(away.messages == nil)
        try broker.start()
        let isBack = await eventually(.seconds(20)) { await sampler.sample().first?.messages == 4 }
        #expect(isBack)
        await sampler.shutdown()
        broker.kill()
    }

    @Test func partitionsThatAreAddedCount() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        let sampler = try sampler(cluster, LagTarget(group: group(), topics: [topic]))
        #expect(await sampler.sample().first?.partitions.count == 1)
        let admin = try cluster.admin()
        try await admin.createPartitions(topic: topic, total: 3)
        await admin.shutdown()
        try await write(cluster, topic, 7, partition: 2)
        let lag = try #require(await sampler.sample().first)
        await sampler.shutdown()
        #expect(lag.partitions.map(\.partition) == [0, 1, 2])
        #expect(lag.partitions.map(\.messages) == [0, 0, 7])
    }

    @Test func whatRetentionHasTakenIsNotBehind() async throws {
        let cluster = try TestCluster()
        let broker = try #require(cluster.broker)
        let admin = try cluster.admin()
        let topic = "lag.retention"
        try await admin.createTopic(topic, partitions: 1, configs: ["segment.bytes": "1024", "retention.ms": "60000"])
        let group = group()
        for _ in 0..<30 { try await write(cluster, topic, 1, secondsAgo: 600) }
        try await write(cluster, topic, 4)
        try await set(cluster, group, [KafkaTopicPartition(topic: topic, partition: 0): 2])
        let sampler = try sampler(cluster, LagTarget(group: group))
        #expect(await sampler.sample().first?.messages == 32)
        // Retention is applied when it starts.
        broker.kill()
        try broker.start()
        let low = try await admin.offsets(topic: topic)[0]?.low ?? 0
        try #require(low > 2)
        let lag = try #require(await sampler.sample().first)
        #expect(lag.partitions.first?.committed == 2)
        #expect(lag.messages == 34 - low)
        #expect(lag.seconds != nil)
        await sampler.shutdown()
        await admin.shutdown()
        broker.kill()
    }

    @Test func aCommitBeyondTheEndIsUnknown() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        try await write(cluster, topic, 3)
        let group = group()
        try await set(cluster, group, [KafkaTopicPartition(topic: topic, partition: 0): 900])
        let sampler = try sampler(cluster, LagTarget(group: group))
        let lag = try #require(await sampler.sample().first)
        await sampler.shutdown()
        #expect(lag.partitions.first?.committed == 900)
        #expect(lag.partitions.first?.end == 3)
        #expect(lag.messages == nil)
        #expect(lag.status == .unknown)
    }

    @Test func aMemberThatKeepsUpIsWellAndOneThatCommitsTheSameIsStalled() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        let place = KafkaTopicPartition(topic: topic, partition: 0)
        try await write(cluster, topic, 50, secondsAgo: 30)
        let group = group()
        let consumer = try cluster.consumer(group: group, topics: [topic])
        let read = try await consumer.collect(50)
        #expect(read.count == 50)
        let sampler = try sampler(cluster, LagTarget(group: group, topics: [topic]))
        var lag = GroupLag(group: group)
        var next: Int64 = 1
        // It moves: never stopped, never stalled.
        for _ in 0..<8 {
            try await consumer.commit([place: next])
            next += 1
            lag = try #require(await sampler.sample().first)
            #expect(lag.status == .ok)
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(lag.members == 1)
        #expect((lag.rateOut ?? 0) > 0)
        let isStalled = try await eventually(.seconds(20)) {
            try await consumer.commit([place: next])
            lag = try #require(await sampler.sample().first)
            return lag.status == .stalled
        }
        #expect(isStalled, "\(lag)")
        let isStopped = await eventually(.seconds(20)) { await sampler.sample().first?.status == .stopped }
        #expect(isStopped)
        try await consumer.commit([place: 50])
        #expect(await sampler.sample().first?.status == .ok)
        await sampler.shutdown()
        await consumer.close()
    }

    @Test func aResetIsRewoundAlsoForWhoLooksAfterIt() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        let place = KafkaTopicPartition(topic: topic, partition: 0)
        try await write(cluster, topic, 9, secondsAgo: 30)
        let group = group()
        let consumer = try cluster.consumer(group: group, topics: [topic])
        _ = try await consumer.collect(9)
        try await consumer.commit([place: 9])
        try await consumer.commit([place: 3])
        let sampler = try sampler(cluster, LagTarget(group: group))
        // The coordinator's list comes a moment after its answer.
        let isRewound = await eventually(.seconds(2)) { await sampler.sample().first?.status == .rewound }
        #expect(isRewound)
        #expect(await sampler.sample().first?.messages == 6)
        await consumer.close()
        await sampler.shutdown()
    }

    @Test func theFirstLookKnowsTheRatesOfTheWindow() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag")
        for second in 0..<30 { try await write(cluster, topic, 2, secondsAgo: Double(30 - second)) }
        let sampler = try sampler(cluster, LagTarget(group: group(), topics: [topic]), window: .seconds(20))
        let lag = try #require(await sampler.sample().first)
        await sampler.shutdown()
        #expect(abs((lag.rateIn ?? 0) - 2) < 0.5, "\(lag)")
        #expect(lag.rateOut == nil || lag.rateOut == 0)
    }

    @Test func theBacklogOfSomeGroupsIsOneFigure() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag", partitions: 2)
        try await write(cluster, topic, 3)
        let targets = [LagTarget(group: group(), topics: [topic]), LagTarget(group: group(), topics: [topic])]
        #expect(try await LagSampler.backlog(bootstrapServers: cluster.bootstrap, targets, logger: .quiet) == 6)
        let unknown = targets + [LagTarget(group: group(), topics: ["lag.nowhere"])]
        #expect(try await LagSampler.backlog(bootstrapServers: cluster.bootstrap, unknown, logger: .quiet) == nil)
    }
}
