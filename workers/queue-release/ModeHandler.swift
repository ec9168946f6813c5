import BookingEngine
import Domain
import KafkaClient
import WorkerRuntime

/// Switches lines on command, and says how the operations ended. Done twice it comes to the same.
struct ModeHandler: MessageHandler {
    let engine: BookingEngine
    let publisher: OutboxPublisher

    func handle(_ delivery: Delivery) async throws -> MessageOutcome {
        let command = try Self.command(delivery.message)
        let trace = delivery.message.headers.text("traceparent") ?? ""
        if let ended = try await engine.operation(command.operation), ended.status != .pending { return .done([told(ended, command, trace)]) }
        var failure: (ErrorCode, String)?
        switch try await engine.setQueueMode(event: command.event, mode: command.mode, actor: command.user.description, trace: trace) {
        case .changed(_, let entry): publisher.publishWithoutWaiting([entry])
        case .unchanged: break
        case .eventUnknown: failure = (.notFound, "No such event is on sale.")
        }
        return .done([try await finish(command, failure, trace)])
    }

    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        for given in messages {
            // A command that cannot be read does not say whose it is.
            guard let command = try? Self.command(given.message) else { continue }
            let trace = given.message.headers.text("traceparent") ?? ""
            _ = try await finish(command, (.internalError, "The waiting room could not be switched."), trace)
        }
    }

    private func finish(_ command: QueueModeCommand, _ error: (ErrorCode, String)?, _ trace: String) async throws -> OutgoingMessage {
        let ended = Operation(
            id: command.operation, user: command.user, type: "queue.set_mode", resource: "/api/v1/admin/events/\(command.event)/queue-mode"
        ).finished(error: error.map { (code: $0, message: $1) })
        try await engine.finish([ended])
        return told(ended, command, trace)
    }

    private func told(_ operation: Operation, _ command: QueueModeCommand, _ trace: String) -> OutgoingMessage {
        OutgoingMessage(
            CloudEvent(
                type: .operationFinished, id: "\(operation.id)/\(operation.version)/\(MessageType.operationFinished.rawValue)",
                subject: operation.id.description, time: .now, trace: trace, value: operation.eventJSON(tenant: command.tenant)
            ).record)
    }

    private static func command(_ message: KafkaMessage) throws -> QueueModeCommand {
        guard message.headers.text("ce_type") == MessageType.queueSetMode.rawValue else {
            throw Failure(.deadLetter, label: "unknown_type", message: "the message's type is not known here")
        }
        guard let value = message.value else { throw Failure(.deadLetter, label: "undecodable", message: "the message has no value") }
        return try QueueModeCommand(json: value)
    }
}
