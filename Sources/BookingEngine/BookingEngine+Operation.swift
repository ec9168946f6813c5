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
    /// Money may be moving for the booking.
    case paymentOpen
    /// Somebody went in on a ticket of the booking.
    case ticketUsed
    case outboxFull
}

extension BookingEngine {
    /// How a repetition of a write is known.
    public struct Idempotency: Sendable {
        /// A short name, part of the record's key.
        public let route: String
        /// The client's Idempotency-Key.
        public let key: String
        /// See ``Booking/bodyHash``; always of the same length.
        public let bodyHash: String

        public init(route: String, key: String, bodyHash: String) {
            self.route = route
            self.key = key
            self.bodyHash = bodyHash
        }
    }

    /// A write that a worker will do.
    public struct Acceptance: Sendable {
        public let operation: OperationID
        /// What it does, `booking.cancel`.
        public let type: String
        /// The path of what it acts upon.
        public let resource: String
        public let user: UserID
        public let shard: Shard
        /// The booking that must be the user's, in this state, with no payment open; nil when that is not looked at.
        public let booking: (id: BookingID, status: BookingStatus)?
        public let idempotency: Idempotency?
        /// What the idempotency record is about beside route, user and key: an id.
        public let idempotencyResource: String
        public let message: MessageType
        /// The message's key.
        public let key: String
        /// The message's JSON value.
        public let value: [UInt8]
        /// W3C traceparent, or empty.
        public let trace: String

        public init(
            operation: OperationID, type: String, resource: String, user: UserID, shard: Shard, booking: (BookingID, BookingStatus)?,
            idempotency: Idempotency?, idempotencyResource: String, message: MessageType, key: String, value: [UInt8], trace: String
        ) {
            self.operation = operation
            self.type = type
            self.resource = resource
            self.user = user
            self.shard = shard
            self.booking = booking
            self.idempotency = idempotency
            self.idempotencyResource = idempotencyResource
            self.message = message
            self.key = key
            self.value = value
            self.trace = trace
        }
    }

    /// Accepts a write: the pending operation, its idempotency record and the command, in one call.
    public func accept(_ acceptance: Acceptance) async throws(EngineError) -> AcceptOutcome {
        let shard = acceptance.shard
        let operationKey = Keys.operation(acceptance.operation, shard)
        let idempotency = acceptance.idempotency
        let reply = try await ask(
            LuaScript.accept,
            RedisScriptCall(
                keys: [
                    operationKey,
                    idempotency.map { Keys.idempotency($0.route, $0.key, acceptance.user, acceptance.idempotencyResource, shard) }
                        ?? operationKey,
                    Keys.outbox(shard), acceptance.booking.map { Keys.hold($0.id, shard) } ?? operationKey,
                ],
                arguments: [
                    .string(acceptance.operation.description), .string(acceptance.user.description), .string(acceptance.type),
                    .string(acceptance.resource), .string(idempotency?.bodyHash ?? ""), .int(limits.idempotencyKept.inMilliseconds),
                    .string(acceptance.booking?.status.rawValue ?? ""), .string(acceptance.message.rawValue), .string(acceptance.key),
                    .bytes(acceptance.value), .string(acceptance.trace), .int(limits.outboxLimit), idempotency == nil ? "0" : "1",
                ]))
        let (name, parts) = try Self.outcome("accept", reply)
        switch name {
        case "accepted":
            guard let id = parts.first?.text else { break }
            return .accepted(
                acceptance.operation,
                OutboxEntry(
                    id: id, shard: shard, type: acceptance.message, key: acceptance.key, version: acceptance.operation.description,
                    trace: acceptance.trace, value: acceptance.value))
        case "replayed":
            guard let id = parts.first?.text.flatMap({ OperationID($0) }) else { break }
            return id == acceptance.operation ? .accepted(id, nil) : .replayed(id)
        case "key_reused": return .keyReused
        case "missing":
            try await requireMemory("accept")
            return .missing
        case "not_yours": return .notYours
        case "payment_open": return .paymentOpen
        case "ticket_used": return .ticketUsed
        case "outbox_full": return .outboxFull
        case "wrong_state": if let status = parts.first?.text.flatMap(BookingStatus.init(rawValue:)) { return .wrongState(status) }
        default: break
        }
        throw .unexpected("accept", reply)
    }

    /// Accepts a cancel of a reserved booking.
    public func acceptCancel(
        _ command: CancelCommand, shard: Shard, idempotencyKey: String?, bodyHash: String, trace: String
    ) async throws(EngineError) -> AcceptOutcome {
        try await accept(
            Acceptance(
                operation: command.operation, type: "booking.cancel", resource: "/api/v1/bookings/\(command.booking)", user: command.user,
                shard: shard, booking: (command.booking, .reserved),
                idempotency: idempotencyKey.map { Idempotency(route: "cancel", key: $0, bodyHash: bodyHash) },
                idempotencyResource: command.booking.description, message: .bookingCancel, key: command.booking.description, value: command.json,
                trace: trace))
    }

    /// Reads an operation from Redis, `nil` where it has none.
    public func operation(_ id: OperationID) async throws(EngineError) -> Operation? {
        guard let shard = id.shard else { return nil }
        let fields = [
            RedisCommand("HMGET", Keys.operation(id, shard), "user", "type", "resource", "status", "version", "error_code", "error_message")
        ]
        let reply = try await pipeline("read operation", fields)[0]
        guard let parts = reply.elements, parts.count == 7, let user = parts[0].text.flatMap({ UserID($0) }) else {
            try await requireMemory("read operation")
            return nil
        }
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
        for reply in try await evaluate(LuaScript.finishOperation, calls) {
            do {
                _ = try reply.get(operation: "finish operation")
            } catch {
                throw .redis("finish operation", error)
            }
        }
    }
}
