import ArgumentParser
import AuditLog
import Domain
import Foundation
import PostgresClient
import Settings

/// `rushctl audit retain`.
struct AuditRetain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retain", abstract: "Exports months of the audit that are old enough, and drops them.",
        discussion: """
            Of each month whose rows are all older: its rows go to audit_logs_YYYY_MM.ndjson.gz (one JSON object a line, with the hashes), the file is read
            back and compared with the table, and only then the month is dropped, with anchors that hold the chains together. Killed at any moment, it goes on
            where it was when it is run again with the same --directory. A month with a row that does not hold is not dropped.

            Exit codes: 0 done, 1 failed, 64 wrong usage.
            """)

    @Option(help: "Where the exports are put.")
    var directory: String

    @Option(help: ArgumentHelp("The age: a number with d, m (months) or y.", valueName: "age"))
    var olderThan = "3y"

    @Flag(help: "Only say which months would be exported and dropped.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Print JSON.")
    var json = false

    private struct Plan: Encodable {
        let dryRun: Bool
        let months: [AuditArchive.Month]
        let exported: [AuditArchive.Export]
    }

    func validate() throws {
        if Self.interval(olderThan) == nil { throw ValidationError("--older-than must be a number with d, m or y, such as 3y, at least 30 days.") }
    }

    /// As PostgreSQL reads it.
    private static func interval(_ text: String) -> String? {
        guard let unit = text.last, let number = Int(text.dropLast()), (1...100_000).contains(number) else { return nil }
        switch unit {
        case "d": return number >= 30 ? "\(number) days" : nil
        case "m": return number <= 1_200 ? "\(number) months" : nil
        case "y": return number <= 100 ? "\(number) years" : nil
        default: return nil
        }
    }

    func run() async throws {
        guard let age = Self.interval(olderThan) else { return }
        do {
            let seal = try AuditSeal(.environment)
            let folder = URL(fileURLWithPath: directory).standardizedFileURL.path
            let (dryRun, yes, json) = (dryRun, yes, json)
            let done = try await Connections.database { database in
                let archive = AuditArchive(database: database, seal: seal, directory: folder)
                let months = try await archive.due(olderThan: age)
                if !json || !dryRun {
                    for month in months { Output.progress("\(month.first.prefix(7))  \(month.rows) rows → \(folder)/\(month.file)") }
                }
                if months.isEmpty || dryRun { return Plan(dryRun: dryRun, months: months, exported: []) }
                try Consent.ask("These months are exported to \(folder) and dropped from the database. Go on?", yes: yes)
                return Plan(dryRun: false, months: months, exported: try await Self.retain(months, archive, older: age))
            }
            if json { return try Output.json(done) }
            if done.months.isEmpty { print("no month is older than \(olderThan)") }
            for export in done.exported {
                print("dropped \(export.month.prefix(7)): \(export.rows) rows are in \(export.file), sha256 \(export.sha256)")
            }
            if dryRun, !done.months.isEmpty { print("would be exported and dropped: \(done.months.count) months") }
        } catch let error as AuditError {
            throw Self.failed("\(error)")
        } catch let error as PostgresError {
            throw Self.failed("\(error)")
        } catch let error as SettingsError {
            throw Self.failed("\(error)")
        }
    }

    private static func retain(_ months: [AuditArchive.Month], _ archive: AuditArchive, older age: String) async throws -> [AuditArchive.Export] {
        try await AuditTrail.open { trail in
            func entry(_ month: AuditArchive.Month, _ outcome: AuditEntry.Outcome, sha256: String? = nil) -> AuditEntry {
                var told = JSONWriter()
                told.object {
                    $0.member("rows", month.rows)
                    $0.member("file", month.file)
                    $0.member("sha256", ifPresent: sha256)
                }
                return AuditEntry(
                    actor: AuditTrail.actor, action: "audit.retain", entity: "audit_logs", entityID: month.first, outcome: outcome, new: told.bytes,
                    at: .now)
            }
            var exported: [AuditArchive.Export] = []
            for month in months {
                try await trail.record(entry(month, .accepted))
                let export = try await archive.retain(month)
                exported.append(export)
                // The month is gone; that it is said is worth a try and no more.
                try? await trail.record(entry(month, .succeeded, sha256: export.sha256))
            }
            return exported
        }
    }

    private static func failed(_ message: String) -> ExitCode {
        Output.progress("rushctl audit retain: \(message)")
        return ExitCode(1)
    }
}
