import KafkaClient
import KafkaTestSupport
import Testing

@testable import Topics

struct TopicApplierTests {
    private let declared: [TopicDeclaration]

    init() throws {
        declared = try TopicCatalogue.load().topics.filter { $0.topic == .bookingEvents }
    }

    private func state(partitions: Int, _ configs: [String: String]) -> [Topic: TopicApplier.TopicState] {
        let configs = configs.map { KafkaTopicConfig(name: $0.key, value: $0.value, isOverridden: true) }
        return [.bookingEvents: TopicApplier.TopicState(partitions: partitions, configs: configs)]
    }

    @Test func aMissingTopicIsCreated() throws {
        #expect(try TopicApplier.plan(declared, [:]) == [.create(.bookingEvents, partitions: 12)])
    }

    @Test func fewerPartitionsAndOtherSettingsAreChanged() throws {
        let changes = try TopicApplier.plan(declared, state(partitions: 4, ["retention.ms": "1000", "cleanup.policy": "delete"]))
        #expect(
            changes == [.addPartitions(.bookingEvents, from: 4, to: 12), .configure(.bookingEvents, setting: "retention.ms", from: "1000", to: "-1")])
    }

    @Test func whatMatchesIsLeftAlone() throws {
        #expect(try TopicApplier.plan(declared, state(partitions: 12, ["retention.ms": "-1", "cleanup.policy": "delete"])).isEmpty)
    }

    @Test func shrinkingIsRefused() throws {
        let error = #expect(throws: TopicError.self) { try TopicApplier.plan(declared, state(partitions: 13, [:])) }
        #expect(error?.code == .conflict)
    }

    @Test(.enabled(if: TestCluster.brokerBinary != nil), .timeLimit(.minutes(1)))
    func applyingTwiceChangesAClusterOnce() async throws {
        let cluster = try TestCluster()
        let admin = try cluster.admin(limit: .seconds(3))
        let catalogue = try TopicCatalogue.load()
        try await admin.createTopic(Topic.bookingCommands.name, partitions: 3, configs: ["max.message.bytes": "500000"])
        let applier = TopicApplier(catalogue: catalogue)
        let changes = try await applier.apply(admin: admin)
        #expect(changes.contains(.addPartitions(.bookingCommands, from: 3, to: 12)))
        #expect(changes.contains(.create(.bookingEvents, partitions: 12)))
        #expect(changes.filter { if case .create = $0 { true } else { false } }.count == Topic.allCases.count - 1)
        #expect(try await applier.apply(admin: admin).isEmpty)
        #expect(try await applier.list(admin: admin).allSatisfy { $0.partitions == $0.declaredPartitions && $0.replicationFactor == 1 })
        let commands = try await applier.describe(Topic.bookingCommands.name, admin: admin)
        #expect(commands.configs.first { $0.name == "retention.ms" }?.value == "604800000")
        #expect(commands.configs.first { $0.name == "max.message.bytes" }?.value == "500000", "settings of others stay")
        #expect(commands.offsets.count == 12)
        let unknown = await #expect(throws: TopicError.self) { _ = try await applier.describe("seat.events", admin: admin) }
        #expect(unknown?.code == .unknownTopic)
        cluster.broker?.kill()
        let away = await #expect(throws: TopicError.self) { _ = try await applier.apply(admin: admin) }
        #expect(away?.underlying?.disposition == .outage)
        await admin.shutdown()
    }
}
