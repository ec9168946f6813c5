import KafkaClient
import KafkaTestSupport
import Lag
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1)), .enabled(if: TestCluster.brokerBinary != nil))
struct LagExporterTests {
    @Test func itsSeriesAreWhatIsKnownAndGoWithIt() async throws {
        let cluster = try TestCluster.shared.get()
        let topic = try await cluster.topic("lag", partitions: 2)
        let producer = try cluster.producer()
        _ = try await producer.send(KafkaRecord(topic: topic, partition: 1, value: [1], timestampMs: 1_000_000))
        await producer.shutdown(flush: .seconds(5))
        var configuration = LagConfiguration(bootstrapServers: cluster.bootstrap)
        configuration.targets = [LagTarget(group: "lag.export", topics: [topic, "lag.nowhere"])]
        let registry = PrometheusRegistry()
        let exporter = try LagExporter(configuration: configuration, interval: .milliseconds(50), registry: registry, logger: .quiet)
        let running = Task { try await exporter.run() }
        let isSampled = await eventually { exporter.newest != nil }
        #expect(isSampled)
        let text = registry.render()
        let labels = { (partition: String) in "{group=\"lag.export\",partition=\"\(partition)\",topic=\"\(topic)\"}" }
        #expect(text.contains("kafka_consumer_lag\(labels("0")) 0\n"), "\(text)")
        #expect(text.contains("kafka_consumer_lag\(labels("1")) 1\n"))
        #expect(text.contains("kafka_consumer_lag_seconds\(labels("0")) 0\n"))
        // The age of what waits: a million seconds after 1970 began.
        let age = text.split(separator: "\n").first { $0.hasPrefix("kafka_consumer_lag_seconds\(labels("1")) ") }
        #expect(age?.split(separator: " ").last.flatMap { Double($0) }.map { $0 > 1e9 } == true, "\(text)")
        #expect(text.contains("kafka_consumer_status\(labels("0")) 0\n"))
        #expect(text.contains("kafka_consumer_status\(labels("1")) 3\n"))
        #expect(text.contains("kafka_consumer_members{group=\"lag.export\"} 0\n"))
        #expect(text.contains("kafka_consumer_status{group=\"lag.export\",partition=\"\",topic=\"lag.nowhere\"} 5\n"))
        #expect(!text.contains("kafka_consumer_lag{group=\"lag.export\",partition=\"\""))
        running.cancel()
        try await running.value
        #expect(!registry.render().contains("kafka_consumer"))
    }
}
