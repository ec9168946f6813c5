import ArgumentParser
import KafkaClient
import Settings
import Topics

/// `rushctl topics apply|list|describe`.
struct TopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topics", abstract: "Makes the topics what topics/topics.yaml declares, and shows them.",
        discussion: """
            The declarations are in the binary. A topic is made where it is missing, partitions are added where there are fewer, and settings are set; \
            nothing is ever taken away, so it may be done at any time, and twice. Whoever deploys a new build does it before the build runs.

              rushctl topics apply --dry-run
              rushctl topics apply
              rushctl topics describe booking.events
            """,
        subcommands: [Apply.self, List.self, Describe.self])

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Creates topics, adds partitions, sets configurations; never takes any away.")

        @Flag(help: "Only say what would be done.")
        var dryRun = false

        @Flag(help: "Print the changes as JSON, a text each.")
        var json = false

        func run() async throws {
            let dryRun = dryRun
            let changes = try await TopicsCommand.admin(Connections.kafka()) { admin in
                let applier = TopicApplier(catalogue: try .load())
                return dryRun ? try await applier.plan(admin: admin) : try await applier.apply(admin: admin)
            }
            if json { return try Output.json(changes.map { "\($0)" }) }
            for change in changes { print(change) }
            if changes.isEmpty { print("up to date") }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists topics, declared and found.")

        @Flag(help: "Print JSON.")
        var json = false

        private struct Row: Encodable {
            let name: String
            let declaredPartitions: Int?
            let partitions: Int?
            let replicationFactor: Int?
        }

        func run() async throws {
            let rows = try await TopicsCommand.admin(Connections.kafka()) { admin in
                try await TopicApplier(catalogue: try .load()).list(admin: admin)
            }
            if json {
                return try Output.json(
                    rows.map {
                        Row(
                            name: $0.name, declaredPartitions: $0.declaredPartitions, partitions: $0.partitions,
                            replicationFactor: $0.replicationFactor)
                    })
            }
            for row in rows {
                let declared = row.declaredPartitions.map(String.init) ?? "not declared"
                print("\(row.name)  partitions \(row.partitions.map(String.init) ?? "none") (declared \(declared))")
            }
        }
    }

    struct Describe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one topic: what is declared, its settings and offsets.")

        @Argument(help: "The topic's name.")
        var name: String

        @Flag(help: "Print JSON.")
        var json = false

        private struct Row: Encodable {
            struct Partition: Encodable {
                let partition: Int32
                let low: Int64
                let high: Int64
            }
            let name: String
            let description: String
            let key: String
            let types: [String]
            /// Those that are not the broker's defaults.
            let settings: [String: String]
            let partitions: [Partition]
        }

        func run() async throws {
            let name = name
            let topic = try await TopicsCommand.admin(Connections.kafka()) { admin in
                try await TopicApplier(catalogue: try .load()).describe(name, admin: admin)
            }
            if json {
                let settings = topic.configs.filter(\.isOverridden).map { ($0.name, $0.value ?? "") }
                return try Output.json(
                    Row(
                        name: name, description: topic.declaration.description, key: topic.declaration.key, types: topic.declaration.types,
                        settings: Dictionary(settings) { first, _ in first },
                        partitions: topic.offsets.sorted { $0.key < $1.key }.map { .init(partition: $0.key, low: $0.value.low, high: $0.value.high) })
                )
            }
            print("\(name): \(topic.declaration.description)")
            print("  key: \(topic.declaration.key)")
            print("  types: \(topic.declaration.types.joined(separator: ", "))")
            for config in topic.configs.filter(\.isOverridden).sorted(by: { $0.name < $1.name }) { print("  \(config.name) = \(config.value ?? "")") }
            for (partition, range) in topic.offsets.sorted(by: { $0.key < $1.key }) {
                print("  partition \(partition): offsets \(range.low) to \(range.high), \(range.high - range.low) records")
            }
        }
    }

    /// Makes the topics what is declared.
    /// - Returns: what was changed.
    static func apply(bootstrapServers: String) async throws -> [TopicChange] {
        try await admin(bootstrapServers) { try await TopicApplier(catalogue: try .load()).apply(admin: $0) }
    }

    private static func admin<T: Sendable>(_ bootstrapServers: String, _ body: (KafkaAdmin) async throws -> T) async throws -> T {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl"), logger: Connections.logger)
        do {
            let result = try await body(admin)
            await admin.shutdown()
            return result
        } catch {
            await admin.shutdown()
            throw StoreAway.named(error, Settings(["KAFKA_BOOTSTRAP_SERVERS": bootstrapServers]))
        }
    }
}
