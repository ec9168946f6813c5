import BookingEngine
import Domain
import RedisClient

/// Accepts writes that the payment worker does: the operation, its idempotency record and the command, then the publishing.
struct Acceptor: Sendable {
    let services: Services

    /// A write that was accepted, now or by the same key before.
    struct Accepted: Sendable {
        let operation: OperationID
        /// The path that the first answer named.
        let resource: String
        let isReplay: Bool
    }

    /// - Returns: `nil` where Redis does not have the booking that the acceptance is about.
    /// - Throws: the refusal.
    func accept(_ acceptance: BookingEngine.Acceptance) async throws(APIError) -> Accepted? {
        let outcome: AcceptOutcome
        do {
            outcome = try await services.engine.accept(acceptance)
        } catch {
            throw Self.unavailable
        }
        switch outcome {
        case .accepted(let operation, let entry):
            if let entry { _ = await services.publisher.publish(entry) }
            return Accepted(operation: operation, resource: acceptance.resource, isReplay: false)
        case .replayed(let operation): return try await replayed(operation, of: acceptance.user)
        case .keyReused: throw .keyReused
        case .missing: return nil
        case .notYours: throw APIError(.notFound, "There is no such booking.", field: "id", reason: "is unknown")
        case .wrongState(let status):
            throw APIError(
                .invalidState, "The booking is \(status.rawValue).", field: "id", reason: "belongs to a booking that is \(status.rawValue)")
        case .paymentOpen:
            throw APIError(.invalidState, "A payment of the booking is open.", field: "id", reason: "belongs to a booking with an open payment")
        case .ticketUsed: throw APIError.ticketUsed
        case .outboxFull: throw .unavailable()
        }
    }

    /// What the same key and body did before, for a route that is about to refuse on a state which that very write has changed.
    /// - Throws: 422 when the key belongs to another body.
    func earlier(
        _ idempotency: BookingEngine.Idempotency?, user: UserID, resource: String, shard: Shard
    ) async throws(APIError) -> Accepted? {
        guard let idempotency else { return nil }
        let record: String?
        do {
            let key = Keys.idempotency(idempotency.route, idempotency.key, user, resource, shard)
            record = try await services.engine.redis.send(RedisCommand("GET", key)).text
        } catch {
            throw Self.unavailable
        }
        // accept.lua writes the body's hash, a bar, and the operation.
        guard let record else { return nil }
        guard record.hasPrefix("\(idempotency.bodyHash)|") else { throw .keyReused }
        guard let operation = OperationID(record.dropFirst(idempotency.bodyHash.utf8.count + 1)) else { return nil }
        return try await replayed(operation, of: user)
    }

    private func replayed(_ operation: OperationID, of user: UserID) async throws(APIError) -> Accepted {
        var known: Operation?
        do {
            known = try await services.engine.operation(operation)
            if known == nil { known = try await services.bookings.operation(operation, of: user) }
        } catch {
            throw Self.unavailable
        }
        guard let known else { throw Self.unavailable }
        return Accepted(operation: operation, resource: known.resource, isReplay: true)
    }

    private static let unavailable = APIError.unavailable("The request cannot be taken just now; the same Idempotency-Key is safe to send again.")
}

extension BookingEngine.Idempotency {
    /// The record of a write with a key; `nil` for a write without one.
    init?(_ route: String, key: String?, body: [UInt8]) {
        guard let key else { return nil }
        self.init(route: route, key: key, bodyHash: JSONBody.hash(body))
    }
}
