import ArgumentParser
import AuditLog
import Foundation
import KafkaClient
import PostgresClient
import Settings

/// `rushctl audit verify`.
struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Shows whether a row of the audit was changed, added or taken away.",
        discussion: """
            Walks every chain from its first row to its end, over the anchors of exported months, and names the first row of each that does not hold. Then it
            looks up every record of the topics that the worker's group has read and that has no row: rows that were cut off together with their chain's end show
            there, as long as the topics keep them. The worker may go on meanwhile. Kinds: changed, missing, missing_at_end, unexpected, anchor.

            Exit codes: 0 everything holds, 1 something does not or could not be looked at, 64 wrong usage.
            """)

    /// The group whose commits are compared.
    private static let group = "audit"

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Do not ask Kafka; a chain that was cut off together with its end is not seen then.")
    var offline = false

    private struct Outcome: Encodable {
        let ok: Bool
        let chains: Int
        let rows: Int
        let exportedRows: Int64
        let endsCompared: Bool
        let broken: [AuditReport.Break]
    }

    func run() async throws {
        let settings = Settings.environment
        let report: AuditReport
        do {
            let seal = try AuditSeal(settings)
            report = try await Connections.database(settings) { database in
                let verifier = AuditVerifier(database: database, seal: seal)
                let shows = isatty(STDERR_FILENO) == 1
                var report = try await verifier.verify { rows in if shows, rows.isMultiple(of: 100_000) { Output.progress("\(rows) rows") } }
                if !offline {
                    var missing: [AuditReport.Break] = []
                    try await AuditTail.read(report, group: Self.group, bootstrapServers: Connections.kafka(settings)) {
                        missing += try await verifier.missing($0)
                    }
                    report.broken += missing
                }
                return report
            }
        } catch let error as SettingsError {
            Output.progress("rushctl audit verify: \(error)")
            throw ExitCode(1)
        } catch let error as StoreAway {
            Output.progress("rushctl audit verify: \(error)\(error.store == .kafka ? "\n--offline leaves Kafka out." : "")")
            throw ExitCode(1)
        } catch let error as PostgresError {
            Output.progress("rushctl audit verify: \(error)")
            throw ExitCode(1)
        } catch let error as KafkaError {
            Output.progress("rushctl audit verify: Kafka cannot be asked (--offline leaves it out): \(error)")
            throw ExitCode(1)
        }
        try show(report)
        if !report.holds { throw ExitCode(1) }
    }

    private func show(_ report: AuditReport) throws {
        if json {
            return try Output.json(
                Outcome(
                    ok: report.holds, chains: report.chains, rows: report.rows, exportedRows: report.exportedRows, endsCompared: !offline,
                    broken: report.broken))
        }
        for one in report.broken {
            let place = [one.seq.map { "row \($0)" }, one.offset.map { "offset \($0)" }, one.at].compactMap { $0 }.joined(separator: ", ")
            print("BROKEN  \(one.topic)/\(one.partition)  \(one.kind.rawValue)  \(place.isEmpty ? "" : "\(place): ")\(one.detail)")
        }
        let exported = report.exportedRows > 0 ? " and \(report.exportedRows) exported ones" : ""
        print(
            "\(report.holds ? "holds" : "DOES NOT HOLD"): \(report.rows) rows\(exported) in \(report.chains) chains\(offline ? ", ends not compared" : "")"
        )
    }
}
