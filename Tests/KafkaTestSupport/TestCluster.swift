import CRdkafka
import Foundation
public import KafkaClient
public import Logging
import Synchronization

/// A cluster for tests: the embedded broker as a process where its binary is found, else librdkafka's mock in memory.
public final class TestCluster: Sendable {
    /// One for all tests that do not harm it.
    public static let shared = Result { try TestCluster() }

    /// The broker's binary: `EMBEDDED_BROKER`, or what the same build put beside the test bundle.
    public static let brokerBinary: String? = {
        if let named = ProcessInfo.processInfo.environment["EMBEDDED_BROKER"], !named.isEmpty { return named }
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            var folder = URL(fileURLWithPath: argument)
            while !folder.path.isEmpty, folder.path != "/" {
                folder.deleteLastPathComponent()
                let candidate = folder.appendingPathComponent("embedded-broker").path
                if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
                if folder.lastPathComponent == ".build" { break }
            }
        }
        return nil
    }()

    private enum Kind: @unchecked Sendable {
        // Sendable: the mock's pointers are only given to librdkafka, which guards them.
        case mock(OpaquePointer)
        case broker(BrokerProcess)
    }

    public let bootstrap: String
    private let kind: Kind

    public init() throws {
        if let binary = Self.brokerBinary {
            let broker = try BrokerProcess(binary: binary)
            bootstrap = "127.0.0.1:\(broker.port)"
            kind = .broker(broker)
        } else {
            var text = [CChar](repeating: 0, count: 512)
            let conf = rd_kafka_conf_new()
            guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count), let mock = rd_kafka_mock_cluster_new(handle, 1) else {
                throw KafkaError(.resources, operation: "mock", message: "no mock cluster")
            }
            bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(mock))
            kind = .mock(mock)
        }
    }

    /// The process, where there is one.
    public var broker: BrokerProcess? {
        if case .broker(let broker) = kind { return broker }
        return nil
    }

    /// What makes a topic keep its records, whatever time a test gives them.
    public static let keepsAll = ["retention.ms": "-1"]

    /// Makes a topic with a name of its own, which keeps all records, and returns the name.
    public func topic(_ name: String = "test", partitions: Int = 1) async throws -> String {
        let unique = "\(name).\(UUID().uuidString.prefix(8).lowercased())"
        switch kind {
        case .mock(let mock): rd_kafka_mock_topic_create(mock, unique, Int32(partitions), 1)
        case .broker:
            let admin = try admin()
            try await admin.createTopic(unique, partitions: partitions, configs: Self.keepsAll)
            await admin.shutdown()
        }
        return unique
    }

    public func admin(limit: Duration = .seconds(10)) throws -> KafkaAdmin {
        var configuration = KafkaAdminConfiguration(bootstrapServers: bootstrap, clientID: "test-admin")
        configuration.limit = limit
        return try KafkaAdmin(configuration: configuration, logger: .quiet)
    }

    public func producer(_ change: (inout KafkaProducerConfiguration) -> Void = { _ in }) throws -> KafkaProducer {
        var configuration = KafkaProducerConfiguration(bootstrapServers: bootstrap, clientID: "test-producer")
        configuration.linger = .milliseconds(1)
        configuration.messageTimeout = .seconds(10)
        change(&configuration)
        return try KafkaProducer(configuration: configuration, logger: .quiet)
    }

    public func consumer(group: String, topics: [String], _ change: (inout KafkaConsumerConfiguration) -> Void = { _ in }) throws -> KafkaConsumer {
        var configuration = KafkaConsumerConfiguration(bootstrapServers: bootstrap, clientID: "test-consumer", groupID: group, topics: topics)
        change(&configuration)
        return try KafkaConsumer(configuration: configuration, logger: .quiet)
    }

    public func reader() throws -> KafkaConsumer {
        try KafkaConsumer(configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrap, clientID: "test-reader"), logger: .quiet)
    }
}

extension Logger {
    /// Says nothing below an error, or everything with `KAFKA_TEST_LOG`.
    public static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = ProcessInfo.processInfo.environment["KAFKA_TEST_LOG"] == nil ? .critical : .debug
        return logger
    }
}
