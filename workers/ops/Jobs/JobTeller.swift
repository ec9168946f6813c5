import BookingEngine
import Domain
import KafkaClient

/// Tells of jobs: the audit, those who wait for the operation, and those who read it from Redis. All of it may be told twice, with the same times, by
/// which the audit knows copies.
struct JobTeller: Sendable {
    /// Writes ends for those who read operations from Redis.
    let finish: @Sendable ([Operation]) async throws -> Void
    /// Sends records and returns once Kafka has them.
    let send: @Sendable ([KafkaRecord]) async throws -> Void

    /// A job is about to begin.
    func accepted(_ command: OpsCommand, trace: String) async throws {
        try await send([audit(command, .accepted, new: command.requestJSON, at: Timestamp(ms: Int64(command.operation.bits.high >> 16)), trace)])
    }

    /// A job has ended.
    /// - Parameters:
    ///   - at: when it ended.
    ///   - report: JSON; nil where there is none.
    func ended(_ command: OpsCommand, _ operation: Operation, at: Timestamp, report: [UInt8]?, trace: String) async throws {
        var result = JSONWriter()
        result.object {
            $0.member("error_code", ifPresent: operation.errorCode?.rawValue)
            $0.member("error_message", ifPresent: operation.errorMessage)
            if let report {
                $0.key("report")
                $0.raw(report)
            }
        }
        try await finish([operation])
        try await send([
            audit(command, operation.status == .succeeded ? .succeeded : .failed, new: result.bytes, at: at, trace),
            CloudEvent(
                type: .operationFinished, id: "\(operation.id)/\(operation.version)/\(MessageType.operationFinished.rawValue)",
                subject: operation.id.description, time: at, trace: trace, value: operation.eventJSON(tenant: JobStore.platform)
            ).record,
        ])
    }

    private func audit(_ command: OpsCommand, _ outcome: AuditEntry.Outcome, new: [UInt8], at: Timestamp, _ trace: String) -> KafkaRecord {
        let entry = AuditEntry(
            id: "\(command.operation)/\(outcome.rawValue)", actor: .user(command.user), action: command.request.action, entity: "job",
            entityID: command.operation.description, outcome: outcome, new: new, origin: command.origin, at: at)
        return CloudEvent(entry, trace: trace).record
    }
}
