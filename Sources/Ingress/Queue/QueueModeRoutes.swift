import BookingEngine
import Domain
import HTTPTypes
import Hummingbird

/// `/admin/events/{id}/queue-mode`: whether an event is sold through the waiting room. The queue-release worker switches it.
struct QueueModeRoutes: Sendable {
    static let path = "\(AdminRoutes.path)/events/{id}/queue-mode"

    let gate: AdminGate
    /// Writes an entry and returns once Kafka has it.
    let audit: @Sendable (AuditEntry) async throws -> Void

    func add(to routes: inout RouteTable) {
        routes.on(.get, Self.path, show)
        routes.on(.put, Self.path, change)
    }

    /// `PUT`: 202 and the operation.
    func change(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("queue_mode", request, context)
        let event: EventID = try context.id()
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request)
        let mode = try QueueRequest.mode(json: body)
        let tenant = try await tenant(of: event)
        let shard = Shard(of: event)
        let operation = OperationID.make(nowMs: BookingEngine.wallClockMs(), shard: shard)
        let command = QueueModeCommand(operation: operation, event: event, mode: mode, user: pass.token.user, tenant: tenant)
        try await note(command, pass)
        let accepted = try await Acceptor(services: gate.services).accept(
            BookingEngine.Acceptance(
                operation: operation, type: "queue.set_mode", resource: Self.resource(of: event), user: pass.token.user, shard: shard, booking: nil,
                idempotency: BookingEngine.Idempotency("queue_mode", key: key, body: body), idempotencyResource: event.description,
                message: .queueSetMode, key: event.description, value: command.json, trace: pass.trace))
        guard let accepted else { throw APIError.unavailable() }
        return Answer.accepted(accepted.operation, resource: accepted.resource, isReplay: accepted.isReplay, headers: pass.headers)
    }

    /// `GET`: the line as it is.
    func show(_ request: Request, _ context: IngressContext) async throws -> Response {
        let pass = try await gate.enter("queue_mode_show", request, context)
        let event: EventID = try context.id()
        _ = try await tenant(of: event)
        let line: QueueLine?
        do {
            line = try await gate.services.engine.queueLine(event)
        } catch {
            throw APIError.unavailable()
        }
        return Answer.success(headers: pass.headers) { Self.write(&$0, event, line) }
    }

    private static func write(_ writer: inout JSONWriter, _ event: EventID, _ line: QueueLine?) {
        writer.object {
            $0.member("event_id", event)
            $0.member("mode", (line?.mode ?? .off).rawValue)
            guard let line else { return }
            $0.member("origin", line.origin.rawValue)
            $0.member("actor", line.actor)
            $0.member("draw_seed", ifPresent: line.seed)
            if line.seed != nil { $0.member("drawn_to", line.drawnTo) }
            $0.member("waiting", line.waiting ?? 0)
            $0.member("admitted", line.admitted ?? 0)
            $0.member("version", line.version)
            $0.member("updated_at", line.updatedAt.description)
        }
    }

    private func tenant(of event: EventID) async throws(APIError) -> TenantID {
        let found: (tenant: TenantID, isCancelled: Bool)?
        do {
            found = try await gate.services.payments.event(event)
        } catch {
            throw .unavailable()
        }
        guard let found else { throw APIError(.notFound, "There is no such event.", field: "id", reason: "is unknown") }
        return found.tenant
    }

    /// What an operator switches is remembered before it happens.
    private func note(_ command: QueueModeCommand, _ pass: AdminGate.Pass) async throws(APIError) {
        var wanted = JSONWriter()
        wanted.object { $0.member("mode", command.mode.rawValue) }
        let entry = AuditEntry(
            id: "\(command.operation)/accepted", actor: .user(command.user), action: "queue.set_mode", entity: "event",
            entityID: command.event.description, outcome: .accepted,
            tenant: command.tenant, new: wanted.bytes, origin: pass.origin, at: Timestamp(ms: BookingEngine.wallClockMs()))
        do {
            try await audit(entry)
        } catch {
            throw .unavailable("What is asked for here is audited, and the audit cannot be written just now.")
        }
    }

    private static func resource(of event: EventID) -> String { "\(AdminRoutes.path)/events/\(event)/queue-mode" }
}
