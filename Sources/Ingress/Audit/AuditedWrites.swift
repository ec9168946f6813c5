import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import HummingbirdCore
import KafkaClient
import Metrics
import Telemetry

/// Tells the audit of every write that was taken: who asked for it, from where, and what was answered.
///
/// It stands around the router, so that no route can forget it; reserves are answered before the router, and their `booking.created` says all this. An entry is handed
/// to the producer and not waited for: what the write causes is told by the events of its worker, which the outbox keeps.
struct AuditedWrites: Sendable {
    /// Webhooks are the gateway's, and no user's; their signature is checked, and payment.events tell what came of them. Used tickets are told with what
    /// they were before.
    private static let unaudited: Set<String> = ["/api/v1/payments/webhook", "/api/v1/tickets/verify"]
    /// Reads that show admins and organisers what is their buyers'. Dead letters and the audit itself are on record before they are shown.
    private static let personal: Set<String> = ["/api/v1/refunds", "/api/v1/refunds/{id}", "/api/v1/refunds/{id}/stream"]
    private static let base = "/api/v1/"
    /// What operators do is told by what does it, before it is done and at its end.
    private static let operators = "/api/v1/admin/"

    let services: Services
    let send: @Sendable (KafkaRecord) -> Void
    private let lost = MetricName.auditEntriesLost.counter()

    init(services: Services, producer: KafkaProducer) {
        self.services = services
        let lost = lost
        send = { record in
            do {
                try producer.enqueue(record) { result in if case .failure = result { lost.increment() } }
            } catch {
                lost.increment()
            }
        }
    }

    /// Tells of a request, where it was a write that was taken, or staff's look at what is other people's.
    func note(_ request: Request, _ context: IngressContext, _ response: Response) {
        guard let path = context.endpointPath, response.status.kind == .successful else { return }
        switch request.method {
        case .post, .put, .patch, .delete:
            if Self.unaudited.contains(path) || !path.hasPrefix(Self.base) || path.hasPrefix(Self.operators) { return }
        case .get: if !Self.personal.contains(path) { return }
        default: return
        }
        guard let token = try? services.authenticate(request), request.method != .get || token.role != .user else { return }
        let route = path.dropFirst(Self.base.utf8.count)
        // A route names first what it is about.
        let entity = route.split(separator: "/").first
        let place = response.headers[.location]
        var answer = JSONWriter()
        answer.object {
            $0.member("status", Int(response.status.code))
            $0.member("location", ifPresent: place)
        }
        let entry = AuditEntry(
            actor: .user(token.user), action: "\(request.method.rawValue) /\(route)", entity: entity.map(String.init) ?? "api",
            entityID: Self.named(request.uri.path, by: path) ?? place.flatMap(Self.named(at:)) ?? "all", outcome: .accepted,
            tenant: token.tenant, new: answer.bytes, origin: services.limiter.origin(request, context), at: .now)
        send(CloudEvent(entry, trace: context.trace.headerText).record)
    }

    /// What a Location leads to: the event whose line it is, or the last part of the path.
    static func named(at place: String) -> String? {
        let place = URI(place)
        return (place.queryParameters["event_id"] ?? place.path.split(separator: "/").last.map { $0[...] }).map { String($0) }
    }

    /// What stands in a path where its pattern has the first name.
    private static func named(_ path: String, by pattern: String) -> String? {
        zip(path.split(separator: "/"), pattern.split(separator: "/")).first { $0 != $1 }.map { String($0.0) }
    }
}
