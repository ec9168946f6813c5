import Analytics
import ArgumentParser
import Domain
import Settings

/// `rushctl analytics`.
struct AnalyticsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "analytics", abstract: "Checks the figures of analytics, and sees to what is too old.", subcommands: [Check.self, Retain.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compares the tables of analytics, row by row, with a recount of the topics.",
            discussion: """
                events_raw has a row for each message, and analytics_daily and analytics_realtime count each row once. The topics are read again up to where
                the tables are, so it may run while the workers do; --wait waits until the tables have everything. Minutes are kept for three hours, all
                else for two years. What the worker gave up counts as missing, unless it cannot be read at all.
                Exit code 1 when a row differs, or when the rest was waited for in vain.
                """)

        @Option(help: "Seconds to wait until everything is counted.")
        var wait = 0

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let report = try await Self.report(.environment, wait: .seconds(wait))
            if json { try Output.json(Verdict(report)) } else { Self.print(report) }
            if !report.ok || (wait > 0 && !report.atRest) { throw ExitCode(1) }
        }

        /// The comparison, once everything is counted or the wait is over.
        static func report(_ settings: Settings, wait: Duration) async throws -> AnalyticsReport {
            let deadline = ContinuousClock.now + wait
            return try await Connections.database(settings) { database in
                let check = AnalyticsCheck(database: database, bootstrapServers: Connections.kafka(settings), logger: Connections.logger)
                while try await check.behind() > 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(200)) }
                return try await check.run(now: Timestamp(ms: WallClock.nowMs()))
            }
        }

        private struct Verdict: Encodable {
            let ok: Bool
            let atRest: Bool
            let report: AnalyticsReport

            init(_ report: AnalyticsReport) {
                (ok, atRest, self.report) = (report.ok, report.atRest, report)
            }
        }

        private static func print(_ report: AnalyticsReport) {
            for table in report.tables {
                Swift.print(
                    "\(table.isEqual ? "ok    " : "BROKEN") \(table.table)  \(table.found) rows of \(table.expected)"
                        + (table.isEqual ? "" : ", missing \(table.missing), unexpected \(table.unexpected), different \(table.different)"))
            }
            for sample in report.samples { Swift.print("       \(sample)") }
            Swift.print(
                "       \(report.read) messages read, \(report.copies) of them copies, \(report.unreadable) not readable; \(report.behind) to come")
        }
    }

    struct Retain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes the partitions of the next months and drops what is older than two years, as the worker does every ten minutes.")

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let report = try await Connections.database { try await AnalyticsUpkeep(database: $0).run(now: Timestamp(ms: WallClock.nowMs())) }
            if json { return try Output.json(report) }
            print(
                "dropped \(report.droppedPartitions) months of events_raw, \(report.droppedDays) rows of analytics_daily, "
                    + "\(report.droppedMinutes) of analytics_realtime")
        }
    }
}
