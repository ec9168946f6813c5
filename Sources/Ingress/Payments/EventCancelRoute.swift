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

    /// `GET /events/{id}/cancel`: how far it is.
    func progress(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        try token.mustOrganize()
        let id: EventID = try context.id()
        let headers = try await services.limiter.admit("event_cancel_progress", user: token, request, context)
        guard let event = try await event(id), token.organizes(event.tenant) else {
            throw APIError(.notFound, "There is no such event.", field: "id", reason: "is unknown")
        }
        let found: CancellationReport?
        do {
            found = try await services.payments.cancellation(of: id)
        } catch {
            throw APIError.unavailable()
        }
        guard let found else { throw APIError(.notFound, "The event is not cancelled.", field: "id", reason: "is not cancelled") }
        return Answer.success(headers: headers) { found.write(&$0) }
    }

    private func event(_ id: EventID) async throws(APIError) -> (tenant: TenantID, isCancelled: Bool)? {
        do {
            return try await services.payments.event(id)
        } catch {
            throw .unavailable()
        }
    }
}

/// How far the cancellation of an event is.
struct CancellationReport: Sendable {
    let event: EventID
    /// `running` or `done`.
    let status: String
    /// Holds that were released.
    let released: Int64
    /// Refunds that were ordered.
    let refunds: Int64
    /// Refunds whose money is back, those before the cancellation included.
    let refunded: Int64
    /// Refunds that the gateway refused for good.
    let refused: Int64
    /// Bookings that are still held or paid.
    let open: Int64
    let updatedAt: Timestamp

    func write(_ writer: inout JSONWriter) {
        writer.object {
            $0.member("event_id", event)
            $0.member("status", status)
            $0.member("released", released)
            $0.member("refunds", refunds)
            $0.member("refunded", refunded)
            $0.member("refused", refused)
            $0.member("open_bookings", open)
            $0.member("updated_at", updatedAt.description)
        }
    }
}
