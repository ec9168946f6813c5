import Foundation
import KafkaClient
import KafkaTestSupport

/// `KafkaClient` against the broker under test, with the helpers that its cases share.
struct OwnClient {
    let bootstrap: String

    init() throws { bootstrap = try Subject.bootstrap.get() }

    /// A name that nobody else uses.
    func name(_ purpose: String) -> String { "conformance.\(purpose).own.\(UUID().uuidString.prefix(8).lowercased())" }

    func withAdmin<T>(_ body: (KafkaAdmin) async throws -> T) async throws -> T {
        let admin = try KafkaAdmin(configuration: KafkaAdminConfiguration(bootstrapServers: bootstrap, clientID: "conformance"), logger: .quiet)
        do {
            let value = try await body(admin)
            await admin.shutdown()
            return value
        } catch {
            await admin.shutdown()
            throw error
        }
    }

    func topic(_ purpose: String, partitions: Int = 1, configs: [String: String] = [:]) async throws -> String {
        let topic = name(purpose)
        try await withAdmin { try await $0.createTopic(topic, partitions: partitions, configs: configs) }
        return topic
    }

    func producer(
        bootstrap other: String? = nil, _ change: (inout KafkaProducerConfiguration) -> Void = { _ in }
    ) throws -> KafkaProducer {
        var configuration = KafkaProducerConfiguration(bootstrapServers: other ?? bootstrap, clientID: "conformance")
        configuration.linger = .milliseconds(1)
        configuration.messageTimeout = .seconds(20)
        configuration.compression = "none"
        // Small, so that several batches are under way at a time.
        configuration.options = ["batch.size": "8192"]
        change(&configuration)
        return try KafkaProducer(configuration: configuration, logger: .quiet)
    }

    /// Sends records, waits for their acknowledgements.
    @discardableResult
    func produce(_ records: [KafkaRecord], _ change: (inout KafkaProducerConfiguration) -> Void = { _ in }) async throws -> [KafkaAck] {
        let producer = try producer(change)
        let results = await producer.send(records)
        await producer.shutdown(flush: .seconds(5))
        return try results.map { try $0.get() }
    }

    /// Reads that many messages, outside any group.
    func read(_ topic: String, _ count: Int, partitions: Int32 = 1, from offset: KafkaOffset = .beginning) async throws -> [KafkaMessage] {
        let reader = try KafkaConsumer(
            configuration: KafkaConsumerConfiguration(bootstrapServers: bootstrap, clientID: "conformance-reader"), logger: .quiet)
        let places = (0..<partitions).map { (KafkaTopicPartition(topic: topic, partition: $0), offset) }
        try await reader.assign(Dictionary(uniqueKeysWithValues: places))
        let messages = try await reader.collect(count)
        await reader.close()
        return messages
    }

    /// One batch of a log, as `conformance.wire` tells it.
    struct Batch: Decodable {
        let base_offset: Int
        let count: Int
        let codec: String
        let producer_id: Int
    }

    /// What lies in a log, read without this client.
    func log(_ topic: String) async throws -> [Batch] {
        let program = try PythonSuite.helper("conformance.wire", ["--bootstrap", bootstrap, "--topic", topic])
        guard try await program.end(limit: .seconds(20)) == 0 else { throw ConformanceFailure(program.output.joined(separator: "\n")) }
        return try program.output.map { try JSONDecoder().decode(Batch.self, from: Data($0.utf8)) }
    }
}

extension KafkaMessage {
    /// The value as text.
    var text: String { String(decoding: value ?? [], as: UTF8.self) }
}
