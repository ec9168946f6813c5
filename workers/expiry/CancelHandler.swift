public import BookingEngine
import Domain
import KafkaClient
public import WorkerRuntime

/// Cancels bookings on command: releases the hold, then says how the operation ended.
///
/// Each line may be the last before a crash. The release knows its own operation at a second try, the end is written once by the inbox, and the
/// offset is committed after the message that tells of the end is acknowledged.
struct CancelHandler: MessageHandler {
    let engine: BookingEngine
    let publisher: OutboxPublisher
    let producer: KafkaProducer
    let operations: OperationStore

    func handle(_ message: KafkaMessage, attempt: Int) async throws -> MessageOutcome {
        let type = message.headers.text("ce_type")
        guard type == MessageType.bookingCancel.rawValue else {
            return .deadLetter(Failure(.deadLetter, label: "unknown_type", message: "the message's type is not known here"))
        }
        guard let value = message.value else { return .deadLetter(Failure(.deadLetter, label: "undecodable", message: "the message has no value")) }
        let command = try CancelCommand(json: value)
        let trace = message.headers.text("traceparent") ?? ""
        if let ended = try await operations.ended(command) {
            try await announce(ended, command, trace)
            return .done
        }
        guard let shard = command.booking.shard else { return .deadLetter(Failure(.deadLetter, label: "undecodable", message: "no booking id")) }
        if let booking = try await engine.booking(command.booking), booking.user != command.user {
            return .deadLetter(Failure(.deadLetter, label: "wrong_user", message: "the booking is another user's"))
        }
        let release = BookingEngine.Release(booking: command.booking, shard: shard, status: .cancelled, operation: command.operation, trace: trace)
        let error: (ErrorCode, String)?
        switch try await engine.release([release])[0].get() {
        case .released(let entry):
            _ = await publisher.publish(entry)
            error = nil
        case .releasedBefore: error = nil
        case .wrongState(let status): error = (.invalidState, "The booking is \(status.rawValue).")
        case .notDue: return .deadLetter(Failure(.deadLetter, label: "unexpected", message: "a cancel was told that the hold is not due"))
        case .missing:
            // Gone from Redis is only an answer when a final state was read; else state is missing that must be there.
            guard let status = try await operations.reportedStatus(of: command.booking), status.isFinal else {
                return .outage(Failure(.outage, label: "state_missing", message: "the booking is neither in Redis nor final in PostgreSQL"))
            }
            error = (.invalidState, "The booking is \(status.rawValue).")
        }
        let pending = Operation(
            id: command.operation, user: command.user, type: "booking.cancel", resource: "/api/v1/bookings/\(command.booking)")
        let ended = try await operations.finish(pending.finished(error: error), of: command)
        try await announce(ended, command, trace)
        return .done
    }

    /// Tells those who read the operation from Redis, and those who wait for it.
    private func announce(_ operation: Operation, _ command: CancelCommand, _ trace: String) async throws {
        try await engine.finish([operation])
        let event = CloudEvent(
            type: .operationFinished, id: "\(operation.id)/\(operation.version)/\(MessageType.operationFinished.rawValue)",
            subject: operation.id.description, time: .now, trace: trace, value: operation.eventJSON(tenant: command.tenant))
        _ = try await producer.send(event.record)
    }
}

extension EngineError: ClassifiedError {
    /// Redis' own word where it has one; a reply nobody knows is tried again, since a newer build may have written it.
    public var failure: Failure {
        switch code {
        case .redis: underlying.map { Failure($0) } ?? Failure(.retry, label: "redis_script", message: message)
        case .unexpectedReply: Failure(.retry, label: "unexpected_reply", message: message)
        case .stateMissing: Failure(.outage, label: "state_missing", message: message)
        }
    }
}
