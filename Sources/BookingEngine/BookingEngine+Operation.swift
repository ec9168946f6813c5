public import Domain
import LuaScripts
import RedisClient

/// What accepting a write came to.
public enum AcceptOutcome: Equatable, Sendable {
    /// Done now; the command is to be published. It is missing when the first reply was lost: then the sweeper publishes it.
    case accepted(OperationID, OutboxEntry?)
    case replayed(OperationID)
    case keyReused
    case missing
    case notYours
    case wrongState(BookingStatus)
    case outboxFull
}

extension BookingEngine {
    /// Accepts a cancel: the pending operation, its idempotency record and the command, in one call.
    public func acceptCancel(
        _ command: CancelCommand, shard: Shard, idempotencyKey: String?, bodyHash: String, trace: String
    ) async throws(EngineError) -> AcceptOutcome {
        let operationKey = Keys.operation(command.operation, shard)
        let value = command.json
        let reply = try await evaluate(
            LuaScript.accept,
            RedisScriptCall(
                keys: [
                    operationKey,
                    idempotencyKey.map { Keys.idempotency("cancel", $0, command.user, command.booking, shard) } ?? operationKey, Keys.outbox(shard),
                    Keys.hold(command.booking, shard),
                ],
                arguments: [
                    .string(command.operation.description), .string(command.user.description), "booking.cancel",
                    .string("/api/v1/bookings/\(command.booking)"), .string(bodyHash), .int(limits.idempotencyKept.inMilliseconds),
                    .string(BookingStatus.reserved.rawValue), .string(MessageType.bookingCancel.rawValue), .string(command.booking.description),
                    .bytes(value), .string(trace), .int(limits.outboxLimit), idempotencyKey == nil ? "0" : "1",
                ]))
        guard let parts = reply.elements, let name = parts.first?.text else { throw .unexpected("accept", reply) }
        switch name {
        case "accepted":
            guard parts.count > 1, let id = parts[1].text else { break }
            return .accepted(
                command.operation,
                OutboxEntry(
                    id: id, shard: shard, type: .bookingCancel, key: command.booking.description, version: command.operation.description,
                    trace: trace,
                    value: value))
        case "replayed":
            guard parts.count > 1, let id = parts[1].text.flatMap({ OperationID($0) }) else { break }
            return id == command.operation ? .accepted(id, nil) : .replayed(id)
        case "key_reused": return .keyReused
        case "missing": return .missing
        case "not_yours": return .notYours
        case "outbox_full": return .outboxFull
        case "wrong_state":
            guard parts.count > 1, let status = parts[1].text.flatMap(BookingStatus.init(rawValue:)) else { break }
            return .wrongState(status)
        default: break
        }
        throw .unexpected("accept", reply)
    }

    /// Reads an operation from Redis, `nil` where it has none.
    public func operation(_ id: OperationID) async throws(EngineError) -> Operation? {
        guard let shard = id.shard else { return nil }
        let fields = [
            RedisCommand("HMGET", Keys.operation(id, shard), "user", "type", "resource", "status", "version", "error_code", "error_message")
        ]
        let reply = try await pipeline("read operation", fields)[0]
        guard let parts = reply.elements, parts.count == 7, let user = parts[0].text.flatMap({ UserID($0) }) else { return nil }
        guard let type = parts[1].text, let resource = parts[2].text, let status = parts[3].text.flatMap(Operation.Status.init(rawValue:)),
            let version = parts[4].int
        else { throw .unexpected("read operation", reply) }
        return Operation(
            id: id, user: user, type: type, resource: resource, status: status, version: version,
            errorCode: parts[5].text.flatMap(ErrorCode.init(rawValue:)), errorMessage: parts[6].text.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// Writes how operations ended, for those that read them from Redis.
    public func finish(_ operations: [Operation]) async throws(EngineError) {
        let calls = operations.compactMap { operation in
            operation.id.shard.map { shard in
                RedisScriptCall(
                    keys: [Keys.operation(operation.id, shard)],
                    arguments: [
                        .string(operation.status.rawValue), .int(operation.version), .string(operation.errorCode?.rawValue ?? ""),
                        .string(operation.errorMessage ?? ""),
                    ])
            }
        }
        do {
            for reply in try await redis.evaluate(LuaScript.finishOperation, calls: calls) { _ = try reply.get(operation: "finish operation") }
        } catch {
            throw EngineError(.redis, operation: "finish operation", message: error.message, underlying: error)
        }
    }
}
