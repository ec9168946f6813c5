import BookingEngine
import Domain
import KafkaClient
import Logging
import Metrics
import ServiceLifecycle
import Telemetry

/// Tells analytics.views of looks at an event's page, as well as it can: nobody waits for it, and what does not fit or does not arrive is dropped and
/// counted. It has a producer of its own, so that views never stand before bookings.
final class ViewReporter: Service {
    /// Views that wait for Kafka, how many KiB they may be, and how long each may wait.
    private static let limits = (records: 10_000, kilobytes: 8_192, wait: Duration.seconds(5))

    private let producer: KafkaProducer
    private let sent = MetricName.analyticsViews.counter("sent")
    private let dropped = MetricName.analyticsViews.counter("dropped")

    init(bootstrapServers: String, logger: Logger) throws {
        var configuration = KafkaProducerConfiguration(bootstrapServers: bootstrapServers, clientID: "ingress-views")
        configuration.linger = .milliseconds(100)
        configuration.messageTimeout = Self.limits.wait
        configuration.maxQueued = Self.limits.records
        configuration.maxQueuedKilobytes = Self.limits.kilobytes
        configuration.shutdownFlush = .seconds(1)
        // A view that comes twice has the same id, and one that is lost was promised to nobody.
        configuration.options = ["enable.idempotence": "false", "acks": "1"]
        producer = try KafkaProducer(configuration: configuration, logger: logger)
    }

    /// Tells of a look at an event's page, and returns at once.
    func viewed(_ event: EventID, of tenant: TenantID, trace: String) {
        let now = BookingEngine.wallClockMs()
        let id = UUIDBits.version7(nowMs: now, shard: Shard(of: event)).description
        var writer = JSONWriter()
        writer.object {
            $0.member("view_id", id)
            $0.member("tenant_id", tenant)
            $0.member("event_id", event)
            $0.member("at_ms", now)
        }
        let message = CloudEvent(
            type: .analyticsViewed, id: "\(id)/\(MessageType.analyticsViewed.rawValue)", subject: id, time: Timestamp(ms: now), trace: trace,
            value: writer.bytes)
        do {
            try producer.enqueue(message.record) { [sent, dropped] result in
                if case .success = result { sent.increment() } else { dropped.increment() }
            }
        } catch {
            dropped.increment()
        }
    }

    func run() async throws { try await producer.run() }
}
