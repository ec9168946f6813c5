import BookingEngine
import Domain
import Fleet
import KafkaClient

/// Tells the audit what the fleet was ordered to do, and how many copies it decided on by itself.
///
/// Nothing waits for it: a fleet must be stopped also while Kafka is away. Every line stands in the fleet's log anyway.
final class FleetAudit: Sendable {
    private let producer: KafkaProducer

    init(bootstrapServers: String) throws {
        var configuration = KafkaProducerConfiguration(bootstrapServers: bootstrapServers, clientID: "rushctl-fleet")
        configuration.messageTimeout = .seconds(60)
        producer = try KafkaProducer(configuration: configuration, logger: Connections.logger)
    }

    /// Tells of an event of the fleet's log, where it is an order or a decision.
    func tell(_ event: FleetEvent) {
        guard let entry = Self.entry(event) else { return }
        try? producer.enqueue(CloudEvent(entry).record) { _ in }
    }

    func shutdown() async { await producer.shutdown(flush: .seconds(2)) }

    private static func entry(_ event: FleetEvent) -> AuditEntry? {
        let at = Timestamp(ms: Int64(event.at.timeIntervalSince1970 * 1000))
        switch event.event {
        case .ordered:
            var new = JSONWriter()
            new.object { $0.member("order", ifPresent: event.detail) }
            return AuditEntry(
                actor: event.actor.flatMap { AuditActor($0) } ?? .operator("unknown"),
                action: "fleet." + (event.detail?.split(separator: " ").first.map(String.init) ?? "order"), entity: "fleet",
                entityID: event.worker, outcome: .accepted, new: new.bytes, origin: RequestOrigin(agent: "rushctl"), at: at)
        case .decision:
            guard let from = event.from, let to = event.to, from != to else { return nil }
            var (old, new) = (JSONWriter(), JSONWriter())
            old.object { $0.member("copies", from) }
            new.object {
                $0.member("copies", to)
                $0.member("reason", ifPresent: event.reason?.rawValue)
                if let lag = event.lagMessages { $0.member("lag_messages", lag) }
            }
            return AuditEntry(
                actor: .worker("fleet"), action: "fleet.decided", entity: "fleet", entityID: event.worker, outcome: .accepted, old: old.bytes,
                new: new.bytes, at: at)
        default: return nil
        }
    }
}
