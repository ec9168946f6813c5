import Foundation
import KafkaClient
import KafkaTestSupport
import Testing

/// The group cases of `Tests/Conformance` for `KafkaClient`.
@Suite(.timeLimit(.minutes(2)))
struct OwnClientGroupTests {
    private static let limit: Duration = .seconds(20)

    @Test func aGroupGrowsToThreeAndShrinksToOne() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("group-1-3-1", partitions: 6)
        let group = client.name("group-1-3-1")
        let first = try GroupMember(client.bootstrap, group: group, topic: topic)
        #expect(await sharedOut([first], 6))
        try await round(client, topic, [first], "one", 6)
        let others = [
            try GroupMember(client.bootstrap, group: group, topic: topic), try GroupMember(client.bootstrap, group: group, topic: topic),
        ]
        #expect(await sharedOut([first] + others, 6))
        try await round(client, topic, [first] + others, "three", 6)
        for member in others { try await member.leave() }
        #expect(await sharedOut([first], 6))
        try await round(client, topic, [first], "one again", 6)
        try await first.leave()
    }

    @Test func whatWasCommittedIsWhereTheNextMemberStarts() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("commit-resume")
        let group = client.name("commit-resume")
        try await client.produce((0..<100).map { KafkaRecord(topic, "k", "\($0)") })
        var read: [String] = []
        for count in [40, 25, 35] {
            let consumer = try KafkaConsumer(
                configuration: KafkaConsumerConfiguration(
                    bootstrapServers: client.bootstrap, clientID: "conformance", groupID: group, topics: [topic]), logger: .quiet)
            var part: [KafkaMessage] = []
            while part.count < count { part += try await consumer.next(max: count - part.count, wait: Self.limit).messages }
            read += part.map(\.text)
            let last = try #require(part.last)
            try await consumer.commit([last.topicPartition: last.offset + 1])
            await consumer.close()
        }
        #expect(read == (0..<100).map { "\($0)" })
    }

    @Test func theSurvivorTakesOverFromAMemberThatIsKilled() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("rebalance-after-crash", partitions: 4)
        let group = client.name("rebalance-after-crash")
        let survivor = try GroupMember(client.bootstrap, group: group, topic: topic)
        #expect(await sharedOut([survivor], 4))
        // kcat has the same assignors, and a process that can be killed.
        let victim = try Program(
            "/usr/bin/kcat", ["-b", client.bootstrap, "-G", group, "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300", topic])
        _ = try await victim.line(limit: Self.limit) { $0.contains("assigned: ") }
        #expect(await eventually(Self.limit) { survivor.owned.count == 2 })
        victim.kill()
        try await round(client, topic, [survivor], "after the crash", 4)
        #expect(survivor.owned == [0, 1, 2, 3])
        try await survivor.leave()
    }

    @Test func partitionsThatAreAddedAreConsumedFromTheirBeginning() async throws {
        let client = try OwnClient()
        let topic = try await client.topic("partitions-added", partitions: 2)
        let member = try GroupMember(client.bootstrap, group: client.name("partitions-added"), topic: topic)
        #expect(await sharedOut([member], 2))
        try await round(client, topic, [member], "two", 2)
        try await client.withAdmin { try await $0.createPartitions(topic: topic, total: 5) }
        member.forget()
        try await client.produce((2..<5).map { (number: Int32) in KafkaRecord(topic, "k", "early \(number)", partition: number) })
        #expect(await eventually(Self.limit) { member.read.count >= 3 })
        #expect(member.read.map(\.text).sorted() == ["early 2", "early 3", "early 4"])
        #expect(await sharedOut([member], 5))
        try await round(client, topic, [member], "five", 5)
        try await member.leave()
    }

    /// Whether the members come to own all partitions between them, each one once, evenly.
    private func sharedOut(_ members: [GroupMember], _ partitions: Int32) async -> Bool {
        await eventually(Self.limit) {
            let owned = members.map(\.owned)
            return owned.allSatisfy { $0.count == Int(partitions) / members.count } && Set(owned.joined()) == Set(0..<partitions)
        }
    }

    /// Produces to every partition; each record reaches the member that owns its partition, once.
    private func round(_ client: OwnClient, _ topic: String, _ members: [GroupMember], _ tag: String, _ partitions: Int32) async throws {
        for member in members { member.forget() }
        let sent = (0..<partitions * 10).map { (number: Int32) in KafkaRecord(topic, "k", "\(tag) \(number)", partition: number % partitions) }
        try await client.produce(sent)
        #expect(await eventually(Self.limit) { members.map(\.read.count).reduce(0, +) >= sent.count })
        let read = members.flatMap(\.read).map(\.text).sorted()
        #expect(read == sent.map { String(decoding: $0.value ?? [], as: UTF8.self) }.sorted(), "\(tag)")
        for member in members { #expect(Set(member.read.map(\.partition)).isSubset(of: member.owned), "\(tag)") }
    }
}
