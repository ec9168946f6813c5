import Domain
import KafkaClient
import WorkerRuntime

/// Takes `ops.commands`: writes down what is to be done and who wants it. The work itself is the runner's, since it outlasts any limit of a handler.
struct OpsHandler: MessageHandler {
    let store: JobStore
    let teller: JobTeller

    func handle(_ delivery: Delivery) async throws -> MessageOutcome {
        let command = try Self.command(delivery.message)
        let trace = delivery.message.headers.text("traceparent") ?? ""
        // First the audit, then the row that lets the work begin: nothing is done that nobody was told of.
        try await teller.accepted(command, trace: trace)
        try await store.add(command, trace: trace)
        return .done()
    }

    /// Ends the operations of commands that could not even be written down.
    func gaveUp(_ messages: [GivenUpMessage]) async throws {
        for given in messages {
            // A command that cannot be read does not say whose it is.
            guard let command = try? Self.command(given.message) else { continue }
            let operation = command.pending.finished(error: (.internalError, "The job could not be begun; nothing was done."))
            guard try await store.refuse(operation) else { continue }
            try await teller.ended(
                command, operation, at: store.ended(command.operation), report: nil, trace: given.message.headers.text("traceparent") ?? "")
        }
    }

    private static func command(_ message: KafkaMessage) throws -> OpsCommand {
        guard let type = message.headers.text("ce_type").flatMap(MessageType.init(rawValue:)) else {
            throw Failure(.deadLetter, label: "unknown_type", message: "the message's type is not known here")
        }
        guard let value = message.value else { throw Failure(.deadLetter, label: "undecodable", message: "the message has no value") }
        return try OpsCommand(type, json: value)
    }
}
