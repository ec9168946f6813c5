import BookingEngine
import Domain
import Hummingbird
import Telemetry

/// `POST /events/{id}/cancel`: every booking of the event is ended, and what was paid is given back.
struct EventCancelRoute: Sendable {
    let services: Services

    func cancel(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        try token.mustOrganize()
        let id: EventID = try context.id()
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request, isRequired: false)
        try EmptyRequest.check(json: body)
        let headers = try await services.limiter.admit("event_cancel", user: token, request, context)
        // Another tenant's event is as one that is not there.
        guard let event = try await event(id), token.organizes(event.tenant) else {
            throw APIError(.notFound, "There is no such event.", field: "id", reason: "is unknown")
        }
        let shard = Shard(of: id)
        let idempotency = BookingEngine.Idempotency("event_cancel", key: key, body: body)
        let acceptor = Acceptor(services: services)
        var accepted: Acceptor.Accepted?
        if event.isCancelled {
            accepted = try await acceptor.earlier(idempotency, user: token.user, resource: id.description, shard: shard)
        } else {
            let operation = OperationID.make(nowMs: BookingEngine.wallClockMs(), shard: shard)
            let command = EventCancellation(operation: operation, event: id, user: token.user, tenant: event.tenant)
            accepted = try await acceptor.accept(
                BookingEngine.Acceptance(
                    operation: operation, type: "event.cancel", resource: "/api/v1/events/\(id)", user: token.user, shard: shard, booking: nil,
                    idempotency: idempotency, idempotencyResource: id.description, message: .paymentRefundEvent, key: id.description,
                    value: command.json, trace: context.trace.headerText))
        }
        guard let accepted else { throw APIError(.invalidState, "The event is cancelled already.", field: "id", reason: "is cancelled") }
        return Answer.accepted(accepted.operation, resource: accepted.resource, isReplay: accepted.isReplay, headers: headers)
    }

    private func event(_ id: EventID) async throws(APIError) -> (tenant: TenantID, isCancelled: Bool)? {
        do {
            return try await services.payments.event(id)
        } catch {
            throw .unavailable()
        }
    }
}
