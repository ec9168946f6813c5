import Authentication
import BookingEngine
import Domain
import HTTPTypes
import Hummingbird
import Telemetry

/// Lets admins in, and accepts what they want done.
struct AdminGate: Sendable {
    /// One who was let in.
    struct Pass: Sendable {
        let token: AccessToken
        /// The state of the rate limit.
        let headers: HTTPFields
        /// Where the request came from.
        let origin: RequestOrigin
        /// W3C traceparent.
        let trace: String
    }

    let services: Services

    /// - Parameter endpoint: the name of its rate limit.
    /// - Throws: 401 without a token, 403 for another role, 429.
    func enter(_ endpoint: String, _ request: Request, _ context: IngressContext) async throws -> Pass {
        let token = try services.authenticate(request)
        guard token.role == .admin else {
            throw APIError(.forbidden, "Only an admin may do this.", field: "Authorization", reason: "has the role \(token.role.rawValue)")
        }
        let headers = try await services.limiter.admit("admin_\(endpoint)", user: token, request, context)
        return Pass(
            token: token, headers: headers, origin: services.limiter.origin(request, context), trace: context.trace.headerText)
    }

    /// Accepts a job: 202 and its operation.
    func accept(_ wish: OpsRequest, key: String?, body: [UInt8], _ pass: Pass) async throws -> Response {
        // The shard is the user's, so that a repetition finds the record of its key.
        let shard = Shard(of: EventID(pass.token.user.bits))
        let command = OpsCommand(
            operation: .make(nowMs: BookingEngine.wallClockMs(), shard: shard), user: pass.token.user, request: wish, origin: pass.origin)
        let accepted = try await Acceptor(services: services).accept(
            BookingEngine.Acceptance(
                operation: command.operation, type: wish.action, resource: command.resource, user: command.user, shard: shard, booking: nil,
                idempotency: BookingEngine.Idempotency("ops", key: key, body: body), idempotencyResource: wish.action, message: wish.messageType,
                key: command.operation.description, value: command.json, trace: pass.trace))
        guard let accepted else { throw APIError.unavailable() }
        return Answer.accepted(accepted.operation, resource: accepted.resource, isReplay: accepted.isReplay, headers: pass.headers)
    }
}
