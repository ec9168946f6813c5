import ArgumentParser
import AuditLog
import Domain
import Foundation
import KafkaClient
import LocalStack
import Migrations
import PostgresClient

/// `rushctl bench audit`.
struct BenchAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Pages of a big audit, and how fast rows are added to it.",
        discussion: """
            Fills three years of audit_logs with made-up rows in a PostgreSQL of its own, then asks for pages as GET /admin/audit-logs does: each filter by \
            itself, some together, first pages and pages far back. Then the worker's own writer adds rows, in batches, and the chains are verified.
            """)

    @Option(help: "Rows to look in.")
    var rows = 10_000_000

    @Option(help: "Pages to ask for, of each kind.")
    var pages = 300

    @Option(help: "Rows that the writer adds.")
    var added = 100_000

    @Option(help: "Where to write the figures as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    private struct Figures: Codable, Sendable {
        var rows: Int
        var fillSeconds: Double
        var sizeBytes: Int64
        /// By kind.
        var pages: [String: Latency]
        var all: Latency
        var addedPerSecond: Double
        var verifiedPerSecond: Double
    }

    private struct Latency: Codable, Sendable {
        let p50Ms: Double
        let p99Ms: Double
        let maxMs: Double

        init(_ times: [Double]) {
            let sorted = times.sorted()
            func at(_ share: Double) -> Double { sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] }
            (p50Ms, p99Ms, maxMs) = (at(0.5), at(0.99), sorted.last ?? 0)
        }
    }

    func validate() throws {
        if !(10_000...50_000_000).contains(rows) { throw ValidationError("--rows must be from 10000 to 50000000.") }
        if !(1...10_000).contains(pages) { throw ValidationError("--pages must be from 1 to 10000.") }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-bench-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        let stack = try LocalStack(LocalStackConfiguration(directory: folder, binaries: Installation.binaries))
        let end = StopSignals()
        do {
            let figures = try await end.unlessStopped {
                try await stack.startPostgres()
                return try await measure(stack.endpoints.databaseURL)
            }
            await stack.stop()
            try await stack.erase()
            try show(figures)
        } catch {
            await stack.stop()
            try? await stack.erase()
            throw error
        }
    }

    private func measure(_ url: String) async throws -> Figures {
        var configuration = try PostgresConfiguration(url: url)
        configuration.statementTimeout = .seconds(3_000)
        let database = PostgresClient(configuration: configuration, logger: Connections.logger)
        try database.start()
        defer { Task { await database.shutdown() } }
        _ = try await Migrator(database: database).up()
        Output.progress("filling \(rows) rows")
        let began = ContinuousClock.now
        let fill = AuditFill.script(rows: rows)
        try await database.withConnection { try $0.execute(script: fill) }
        // By itself: VACUUM takes no transaction.
        try await database.withConnection { try $0.execute(script: "VACUUM ANALYZE audit_logs") }
        let filled = began.duration(to: .now) / .seconds(1)
        let size = try await database.query(
            "SELECT sum(pg_total_relation_size(inhrelid))::bigint AS size FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass")[0].int64("size")
        let latencies = try await look(AuditSearch(database: database))
        let (adding, verifying) = try await write(database)
        return Figures(
            rows: rows, fillSeconds: filled, sizeBytes: size, pages: latencies.mapValues(Latency.init), all: Latency(latencies.values.flatMap { $0 }),
            addedPerSecond: adding, verifiedPerSecond: verifying)
    }

    /// Asks for pages of each kind, one after another.
    private func look(_ search: AuditSearch) async throws -> [String: [Double]] {
        var times: [String: [Double]] = [:]
        for kind in AuditFill.Kind.allCases {
            Output.progress("pages by \(kind.rawValue)")
            for _ in 0..<pages {
                let filter = AuditFill.filter(kind, rows: rows)
                var began = ContinuousClock.now
                let first = try await search.page(filter, after: nil, offset: 0, limit: 20)
                times[kind.rawValue, default: []].append(began.duration(to: .now) / .milliseconds(1))
                // Any row of the list is where somebody may have come to.
                guard first.next != nil else { continue }
                let far = AuditCursor(AuditFill.cursor(rows: rows)) ?? first.next
                began = .now
                _ = try await search.page(filter, after: far, offset: 0, limit: 20)
                times[kind.rawValue, default: []].append(began.duration(to: .now) / .milliseconds(1))
            }
        }
        return times
    }

    /// Adds rows as the worker does, then verifies those.
    private func write(_ database: PostgresClient) async throws -> (added: Double, verified: Double) {
        let seal = AuditSeal(secret: UUID().uuidString + UUID().uuidString)
        let writer = AuditWriter(seal: seal)
        let batch = 2_000
        Output.progress("adding \(added) rows")
        let began = ContinuousClock.now
        var next = 0
        while next < added {
            let records = (next..<min(next + batch, added)).compactMap { try? AuditRecord(AuditFill.message($0)) }
            _ = try await database.transaction { try writer.add(records, to: $0) }
            next += batch
        }
        let adding = Double(added) / (began.duration(to: .now) / .seconds(1))
        // The made-up rows are chains that nobody began, and are left at the first row.
        let verify = ContinuousClock.now
        let report = try await AuditVerifier(database: database, seal: seal).verify()
        let ours = report.broken.filter { $0.topic == "audit.events" }
        if !ours.isEmpty { throw SeedError("the chains do not hold: \(ours[0].detail)") }
        return (adding, Double(report.rows) / (verify.duration(to: .now) / .seconds(1)))
    }

    private func show(_ figures: Figures) throws {
        func ms(_ value: Double) -> String { String(format: "%7.1f", value) }
        print("\(figures.rows) rows, \(figures.sizeBytes >> 20) MiB with indexes, filled in \(Int(figures.fillSeconds)) s. A page of 20, in ms:")
        print("                          p50     p99     max")
        for (kind, latency) in figures.pages.sorted(by: { $0.key < $1.key }) + [("all", figures.all)] {
            print("\(kind.padding(toLength: 22, withPad: " ", startingAt: 0)) \(ms(latency.p50Ms)) \(ms(latency.p99Ms)) \(ms(latency.maxMs))")
        }
        print("added \(Int(figures.addedPerSecond)) rows a second; verified \(Int(figures.verifiedPerSecond)) a second")
        try json?.write(figures)
    }
}
