import DeadLetters
import Domain
import Foundation
import Replays
import WorkerRuntime

/// Does jobs with the operators' tools. Each of them keeps on record what it did under the job's id, and goes on there.
struct JobWork: Sendable {
    let deadLetters: DeadLetterDesk
    let replays: ReplayDesk

    /// - Returns: the report as JSON.
    func callAsFunction(_ job: Job, _ progress: @escaping JobRunner.Progress) async throws -> [UInt8] {
        let actor = AuditActor.user(job.command.user)
        switch job.command.request {
        case .replay(let json):
            let request = try Self.decode(ReplayRequest.self, json)
            let report = try await replays.run(request, actor: actor, id: job.id.description) { progress(Self.encode($0)) }
            return Self.encode(report)
        case .redrive(let redrive):
            let options = RedriveOptions(actor: actor, jobID: job.id.description, maxRedrives: redrive.maxRedrives, rate: redrive.rate)
            let filter = try Self.decode(DeadLetterFilter.self, redrive.filter)
            return Self.encode(try await deadLetters.redrive(filter, options) { progress(Self.encode($0)) })
        case .discard(let discard):
            let filter = try Self.decode(DeadLetterFilter.self, discard.filter)
            return Self.encode(try await deadLetters.discard(filter, reason: discard.reason, actor: actor, id: job.id.description))
        case .importing(let ndjson):
            let lines = ndjson.split(separator: "\n").map { String($0) }
            return Self.encode(try await deadLetters.importing(lines, actor: actor, id: job.id.description))
        }
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ json: [UInt8]) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(json))
        } catch {
            throw Failure(.deadLetter, label: "undecodable", message: "the request is not one that this build knows: \(error)")
        }
    }

    private static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Plain values of ours always encode.
        return (try? encoder.encode(value)).map { Array($0) } ?? Array("{}".utf8)
    }
}
