import ArgumentParser
import Replays
import Settings

extension Replay {
    struct Database: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "PostgreSQL lost altogether: brings back what it reported, from the topics.",
            discussion: """
                Makes the database that DATABASE_URL names where it is missing, the \
                schema, and every row of bookings, zones' counts, payments, refunds, \
                vouchers, cancelled events, sagas, operations and all other \
                projections, as `rushctl replay rebuild` does; then the index of dead \
                letters. What was under way goes on by the clock: sagas, refunds and \
                cancelled events are looked at as soon as the payment worker runs.

                No charge and no refund is made twice: what a payment has come to is \
                read in Redis and at the gateway before anything is done, so a message \
                that is delivered again finds its work done.

                The workers must not run meanwhile, or they would decide on half a \
                database. It is refused while their consumer groups have members, \
                unless --stop-fleet drains them and starts them again at the end.

                The catalogue is on no topic. Restore it first (the tables of \
                migration 0001, from a backup), or name the file that it was loaded \
                from. Lost for good is what only PostgreSQL had: who discarded or \
                redrove which dead letter (they are open again), past jobs and replays \
                (audit.events has them), and personal data, which a backup must bring.

                See what is there, then do it:

                  rushctl replay database --stop-fleet --dry-run
                  rushctl replay database --stop-fleet --catalogue catalogue.json

                Run again after a kill, it goes on where it was.
                """)

        @Option(
            help: ArgumentHelp(
                "A catalogue to load, as rushctl seed --file reads it; `demo` is the demo's. May be given several times.", valueName: "file"))
        var catalogue: [String] = []

        @Flag(help: "Drain the workers of this installation's fleet before, and start them again afterwards.")
        var stopFleet = false

        @Option(help: ArgumentHelp("Messages a second, at most.", valueName: "number"))
        var rate: Int?

        @OptionGroup var manner: Manner

        func validate() throws {
            if let rate, rate < 1 { throw ValidationError("--rate is at least 1 message a second.") }
        }

        func run() async throws {
            let catalogues = try catalogue.map { $0 == "demo" ? SeedFile.demo : try SeedFile.read($0) }
            let lost = try LostDatabase(.environment, catalogues: catalogues, stopsFleet: stopFleet, rate: rate)
            let plan = try await lost.plan()
            if manner.json, manner.dryRun { try Output.json(plan) } else { Self.show(plan) }
            for obstacle in plan.obstacles { Output.progress("cannot be done: \(obstacle)") }
            if !plan.obstacles.isEmpty { throw ExitCode(1) }
            if manner.dryRun { return }
            try Consent.ask("Do it?", yes: manner.yes)
            do {
                let report = try await StopSignals().unlessStopped { try await lost.recover(ProgressLine.shared.show) }
                ProgressLine.shared.end()
                if manner.json { try Output.json(report) } else { Self.show(report) }
            } catch {
                ProgressLine.shared.end()
                Output.progress("run it again: it goes on where it was; workers that it drained are started by rushctl fleet scale WORKER auto")
                if error is StopSignals.Stopped { throw ExitCode(1) }
                throw error
            }
        }

        private static func show(_ plan: LostDatabase.Plan) {
            Output.progress(
                "database \(plan.database): \(plan.exists ? "there" : "to be made"), \(plan.migrations) schema steps to be made, \(plan.events) events in the catalogue"
            )
            for (group, members) in plan.members.sorted(by: { $0.key < $1.key }) { Output.progress("  \(group) has \(members) members") }
            for rebuild in plan.rebuilds {
                let time = rebuild.estimatedSeconds.map { ", about \(ReplayPrinter.duration($0))" } ?? ""
                Output.progress("  \(rebuild.request.into.name): \(rebuild.records) records of \(rebuild.request.topic)\(time)")
            }
        }

        private static func show(_ report: LostDatabase.Report) {
            print("database \(report.database)\(report.created ? " made" : ""), \(report.migrations.count) schema steps, \(report.events) events")
            for rebuild in report.rebuilds {
                for table in rebuild.tables ?? [] { print("  \(table.table): \(table.newRows) rows, hash \(table.newHash)") }
                if rebuild.leftOut > 0 { print("  \(rebuild.topic): \(rebuild.leftOut) records left out, which are no messages") }
            }
            print("  dead letters: \(report.deadLetters)")
            print("done in \(ReplayPrinter.duration(report.seconds))")
        }
    }
}
