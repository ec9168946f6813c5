import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Telemetry

/// Refunds: the buyer reads their own; the organiser reads and decides those of the tenant; an admin all.
struct RefundRoutes: Sendable {
    static let path = "/api/v1/refunds"

    let services: Services

    // MARK: Reading

    /// `GET /refunds`, newest first.
    func list(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        let page = try Page(request)
        var status: RefundStatus?
        if let text = request.uri.queryParameters["status"] {
            status = RefundStatus(rawValue: String(text))
            if status == nil {
                let known = RefundStatus.allCases.map(\.rawValue).joined(separator: ", ")
                throw APIError(.validation, "The request is not valid.", field: "status", reason: "must be one of \(known)")
            }
        }
        let headers = try await services.limiter.admit("refunds", user: token, request, context)
        do {
            let found = try await services.payments.refunds(Self.scope(of: token), status: status, offset: page.offset, limit: page.size)
            return Answer.page(page, total: found.total, headers: headers) { for refund in found.rows { refund.write(&$0) } }
        } catch {
            throw APIError.unavailable()
        }
    }

    /// `GET /refunds/{id}`.
    func one(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, scope, headers) = try await follow(request, context)
        return try await reader.answer(request, { try await refund(id, scope).booking.bits }, headers: headers) { try await refund(id, scope) }
    }

    /// `GET /refunds/{id}/stream`.
    func stream(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, scope, headers) = try await follow(request, context)
        return try await reader.stream(request, { try await refund(id, scope).booking.bits }, name: "refund", headers: headers) {
            try await refund(id, scope)
        }
    }

    /// Events tell under the booking when the money is back; a rejection is told to its operation only.
    private var reader: StatusReader { StatusReader(waiters: services.waiters, recheck: .seconds(1)) }

    private func follow(_ request: Request, _ context: IngressContext) async throws -> (RefundID, PaymentReports.Scope, HTTPFields) {
        let token = try services.authenticate(request)
        let id: RefundID = try context.id()
        return (id, Self.scope(of: token), try await services.limiter.admit("refund", user: token, request, context))
    }

    private static func scope(of token: AccessToken) -> PaymentReports.Scope {
        switch (token.role, token.tenant) {
        case (.admin, _): .all
        case (.organizer, let tenant?): .tenant(tenant)
        case (.organizer, nil), (.user, _): .user(token.user)
        }
    }

    private func refund(_ id: RefundID, _ scope: PaymentReports.Scope) async throws(APIError) -> RefundReport {
        let found: RefundReport?
        do {
            found = try await services.payments.refund(id, scope)
        } catch {
            throw .unavailable()
        }
        guard let found else { throw APIError(.notFound, "There is no such refund.", field: "id", reason: "is unknown") }
        return found
    }

    // MARK: Deciding

    /// `POST /refunds/{id}/approve`.
    func approve(_ request: Request, _ context: IngressContext) async throws -> Response {
        try await decide(request, context, isApproved: true)
    }

    /// `POST /refunds/{id}/reject`.
    func reject(_ request: Request, _ context: IngressContext) async throws -> Response {
        try await decide(request, context, isApproved: false)
    }

    private func decide(_ request: Request, _ context: IngressContext, isApproved: Bool) async throws -> Response {
        let token = try services.authenticate(request)
        try token.mustOrganize()
        let id: RefundID = try context.id()
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request, isRequired: false)
        try EmptyRequest.check(json: body)
        let name = isApproved ? "approve" : "reject"
        let headers = try await services.limiter.admit("refund_\(name)", user: token, request, context)
        let refund = try await refund(id, Self.scope(of: token))
        guard let shard = id.shard else { throw APIError(.notFound, "There is no such refund.", field: "id", reason: "is unknown") }
        let idempotency = BookingEngine.Idempotency("refund_\(name)", key: key, body: body)
        let acceptor = Acceptor(services: services)
        var accepted: Acceptor.Accepted?
        if refund.status == .requested {
            if isApproved, let booking = try await services.booking(refund.booking, of: nil), !booking.used.isEmpty { throw APIError.ticketUsed }
            let operation = OperationID.make(nowMs: BookingEngine.wallClockMs(), shard: shard)
            let decision = RefundDecision(
                operation: operation, refund: id, booking: refund.booking, user: token.user, tenant: refund.tenant, isApproved: isApproved)
            accepted = try await acceptor.accept(
                BookingEngine.Acceptance(
                    operation: operation, type: "refund.\(name)", resource: "\(Self.path)/\(id)", user: token.user, shard: shard, booking: nil,
                    idempotency: idempotency, idempotencyResource: id.description, message: .paymentDecideRefund, key: refund.booking.description,
                    value: decision.json, trace: context.trace.headerText))
        } else {
            accepted = try await acceptor.earlier(idempotency, user: token.user, resource: id.description, shard: shard)
        }
        guard let accepted else {
            throw APIError(
                .invalidState, "Only a refund that waits for a decision can be decided; this one is \(refund.status.rawValue).", field: "id",
                reason: "is \(refund.status.rawValue)")
        }
        return Answer.accepted(accepted.operation, resource: accepted.resource, isReplay: accepted.isReplay, headers: headers) {
            $0.member("refund_id", id)
        }
    }
}

extension RefundReport: Followed {
    var isFinal: Bool { status.isFinal }
}

extension AccessToken {
    /// - Throws: 403 for one who is neither an organiser nor an admin.
    func mustOrganize() throws(APIError) {
        if role == .admin || (role == .organizer && tenant != nil) { return }
        throw APIError(.forbidden, "Only an organiser or an admin may do this.", field: "Authorization", reason: "has the role \(role.rawValue)")
    }

    /// Whether its bearer may change what belongs to a tenant.
    func organizes(_ tenant: TenantID) -> Bool { role == .admin || (role == .organizer && self.tenant == tenant) }
}
