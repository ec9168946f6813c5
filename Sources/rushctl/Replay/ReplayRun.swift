import ArgumentParser
import Domain
import Foundation
import Glibc
import Replays
import Settings
import Synchronization

/// Plans, asks, does, and prints, for every way of a replay.
struct ReplayRun: Sendable {
    let desk: ReplayDesk
    let actor: AuditActor

    /// Opens the stores for one command.
    static func withDesk(_ settings: Settings = .environment, _ body: (ReplayRun) async throws -> Void) async throws {
        try await Connections.database(settings) { database in
            try await AuditTrail.open(settings) { trail in
                let desk = ReplayDesk(
                    database: database, bootstrapServers: Connections.kafka(settings), audit: { try await trail.record($0) },
                    stopFleet: { try await FleetStop.stop($0) }, logger: Connections.logger)
                try await body(ReplayRun(desk: desk, actor: AuditTrail.actor))
            }
        }
    }

    /// Does it to its end, or until Ctrl-C, and prints what came of it.
    func finish(
        json: Bool,
        _ body: @escaping @Sendable (ReplayDesk, AuditActor, @escaping @Sendable (ReplayProgress) -> Void) async throws -> ReplayReport
    ) async throws {
        let id = Mutex<String?>(nil)
        let (desk, actor) = (desk, actor)
        do {
            let report = try await StopSignals().unlessStopped {
                try await body(desk, actor) { progress in
                    id.withLock { $0 = progress.id }
                    ProgressLine.shared.show(progress)
                }
            }
            ProgressLine.shared.end()
            if json { try Output.json(report) } else { ReplayPrinter.show(report) }
        } catch {
            ProgressLine.shared.end()
            if let id = id.withLock({ $0 }), error is StopSignals.Stopped || (error as? ReplayError)?.disposition != .deadLetter {
                Output.progress("go on with: rushctl replay resume \(id)")
            }
            if error is StopSignals.Stopped { throw ExitCode(1) }
            if let error = error as? ReplayError, error.code == .differences {
                for table in error.comparisons { ReplayPrinter.show(table, on: Output.progress) }
                if let id = id.withLock({ $0 }) {
                    Output.progress("exchange them: rushctl replay resume \(id) --accept-differences\nleave it:      rushctl replay forget \(id)")
                }
            }
            throw error
        }
    }
}
