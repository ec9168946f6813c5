import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Telemetry

/// Paying a user's own bookings, what became of it, and asking the money back. Another user's payment is 404, never 403.
struct PaymentRoutes: Sendable {
    let services: Services

    // MARK: Paying

    /// `POST /payments`.
    func create(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        let key = try IdempotencyKey.require(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request)
        let wanted = try PaymentRequest(json: body)
        let headers = try await services.limiter.admit("payments", user: token, request, context)
        let begun = try await PaymentStarter(services: services).begin(
            wanted.means, of: wanted.booking, field: "booking_id", user: token.user, hasOperation: true,
            idempotency: .init(route: "payments", key: key, bodyHash: JSONBody.hash(body)), trace: context.trace.headerText)
        return try answer(begun, headers)
    }

    /// `POST /bookings/{id}/confirm`: pays with the default method, or with what the body names.
    func confirm(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        let booking: BookingID = try context.id()
        let key = try IdempotencyKey.require(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request, isRequired: false)
        let wanted = try ConfirmRequest(json: body, defaultToken: services.defaultPaymentToken)
        let headers = try await services.limiter.admit("booking_confirm", user: token, request, context)
        let begun = try await PaymentStarter(services: services).begin(
            wanted.means, of: booking, field: "id", user: token.user, hasOperation: true,
            idempotency: .init(route: "confirm", key: key, bodyHash: JSONBody.hash(body)), trace: context.trace.headerText)
        return try answer(begun, headers)
    }

    private func answer(_ begun: PaymentStarter.Begun, _ headers: HTTPFields) throws -> Response {
        guard let operation = begun.operation else { throw APIError(.internalError, "Something went wrong on our side.") }
        return Answer.accepted(operation, resource: BookingEngine.resource(of: begun.payment), isReplay: begun.isReplay, headers: headers) {
            $0.member("payment_id", begun.payment)
        }
    }

    // MARK: Reading

    /// `GET /payments/{id}`.
    func status(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, user, headers) = try await follow(request, context)
        return try await StatusReader(waiters: services.waiters).answer(
            request, { try await payment(id, of: user).booking.bits }, headers: headers
        ) {
            FollowedPayment(payment: try await payment(id, of: user))
        }
    }

    /// `GET /payments/{id}/stream`.
    func stream(_ request: Request, _ context: IngressContext) async throws -> Response {
        let (id, user, headers) = try await follow(request, context)
        return try await StatusReader(waiters: services.waiters).stream(
            request, { try await payment(id, of: user).booking.bits }, name: "payment", headers: headers
        ) {
            FollowedPayment(payment: try await payment(id, of: user))
        }
    }

    private func follow(_ request: Request, _ context: IngressContext) async throws -> (PaymentID, UserID, HTTPFields) {
        let token = try services.authenticate(request)
        let id: PaymentID = try context.id()
        let headers = try await services.limiter.admit("payment_status", user: token, request, context)
        return (id, token.user, headers)
    }

    /// From Redis, else PostgreSQL, else 404.
    private func payment(_ id: PaymentID, of user: UserID) async throws(APIError) -> Payment {
        var isRedisAway = false
        do {
            if let found = try await services.engine.payment(id)?.payment {
                guard found.user == user else { throw Self.unknown }
                return found
            }
        } catch let error as APIError {
            throw error
        } catch {
            isRedisAway = true
        }
        do {
            if let found = try await services.payments.payment(id, of: user) { return found }
        } catch {
            throw .unavailable()
        }
        // A payment that only Redis has is not "not found" while Redis is away.
        throw isRedisAway ? .unavailable() : Self.unknown
    }

    // MARK: Asking the money back

    /// `POST /payments/{id}/refund`: the organiser decides; the share is that of the moment of the request.
    func refund(_ request: Request, _ context: IngressContext) async throws -> Response {
        let token = try services.authenticate(request)
        let id: PaymentID = try context.id()
        let key = try IdempotencyKey.check(request.headers[.idempotencyKey])
        let body = try await JSONBody.read(request, isRequired: false)
        try EmptyRequest.check(json: body)
        let headers = try await services.limiter.admit("payment_refund", user: token, request, context)
        guard let shard = id.shard else { throw Self.unknown }
        let payment = try await payment(id, of: token.user)
        switch payment.status {
        // Whether it was given back already is for the booking to say, after a repetition of the request that did it was answered.
        case .success, .partiallyRefunded, .refunded: break
        case .pending, .processing, .failed, .timeout: throw Self.notRefundable(payment.status)
        }
        let now = BookingEngine.wallClockMs()
        let refund = RefundID.make(nowMs: now, shard: shard)
        let operation = OperationID.make(nowMs: now, shard: shard)
        let command = RefundCommand(
            refund: refund, payment: id, booking: payment.booking, user: token.user, tenant: payment.tenant, cause: .requested,
            requestedAt: Timestamp(ms: now), operation: operation)
        func acceptance(_ booking: (BookingID, BookingStatus)?) -> BookingEngine.Acceptance {
            BookingEngine.Acceptance(
                operation: operation, type: "payment.refund", resource: "\(RefundRoutes.path)/\(refund)", user: token.user, shard: shard,
                booking: booking, idempotency: .init("refund", key: key, body: body), idempotencyResource: id.description, message: .paymentRefund,
                key: payment.booking.description, value: command.json, trace: context.trace.headerText)
        }
        let acceptor = Acceptor(services: services)
        var accepted = try await acceptor.accept(acceptance((payment.booking, .confirmed)))
        if accepted == nil {
            // Redis forgets a booking a day after its show; PostgreSQL knows it for years.
            guard try await reported(payment.booking, of: token.user) == .confirmed else { throw Self.notRefundable(payment.status) }
            accepted = try await acceptor.accept(acceptance(nil))
        }
        guard let accepted else { throw APIError.unavailable() }
        return Answer.accepted(accepted.operation, resource: accepted.resource, isReplay: accepted.isReplay, headers: headers) {
            $0.member("refund_id", ifPresent: accepted.resource.split(separator: "/").last.map(String.init))
        }
    }

    private func reported(_ booking: BookingID, of user: UserID) async throws(APIError) -> BookingStatus? {
        do {
            return try await services.bookings.booking(booking, of: user)?.status
        } catch {
            throw .unavailable()
        }
    }

    private static let unknown = APIError(.notFound, "There is no such payment.", field: "id", reason: "is unknown")

    private static func notRefundable(_ status: PaymentStatus) -> APIError {
        APIError(
            .invalidState, "Only the payment of a confirmed booking can be given back; this one is \(status.rawValue).", field: "id",
            reason: "is \(status.rawValue)")
    }
}
