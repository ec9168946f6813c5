import ArgumentParser
import BookingEngine
import Domain
import Foundation
import LoadGenerator
import LocalStack
import RedisClient
import Synchronization

/// `rushctl bench reserve`.
struct BenchReserve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reserve", abstract: "Reserves at a fixed rate, or as fast as it goes, by unique users from a big stock.",
        discussion: """
            Everything runs on this machine: load, ingress, Redis, broker, PostgreSQL, workers. With a rate the loop is open: a latency counts from \
            the moment at which its request was meant to start. Afterwards the inventory is checked. Exit code 1 when it is broken.
            """)

    @Option(help: "Requests a second, or max.")
    var rate = "10000"

    @Option(help: "Seconds.")
    var seconds = 20

    @Option(help: "Connections.")
    var connections = 256

    @Option(help: "Workers that run beside, separated by commas; all when absent. inventory-sync must be among them.")
    var workers: String?

    @Option(help: "Where to write the figures as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    @Option(help: "How the broker makes records durable: always, interval=MS or none. [default: always]")
    var sync: String?

    struct Figures: Codable, Sendable {
        var requestsPerSecond: Double
        var p50Ms: Double
        var p99Ms: Double
        var p999Ms: Double
        var maxMs: Double
        var errors: Int
        var codes: [String: Int]
        /// Percent of one core.
        var cpu: [String: Double]
        var projectionLagSeconds: Double
        /// The longest that Redis waited for the disk; every answer of that moment waited as long.
        var slowestSyncMs: Int64
        var inventoryOk: Bool
    }

    private var chosenWorkers: [String] { workers?.split(separator: ",").map(String.init) ?? Installation.workers }

    func validate() throws {
        if rate != "max" && Int(rate).map({ $0 > 0 && $0 <= 200_000 }) != true { throw ValidationError("--rate must be max, or from 1 to 200000.") }
        if !(1...600).contains(seconds) { throw ValidationError("--seconds must be from 1 to 600.") }
        if let unknown = chosenWorkers.first(where: { !Installation.workers.contains($0) }) {
            throw ValidationError("--workers: \(unknown) is none of \(Installation.workers.joined(separator: ", ")).")
        }
        if !chosenWorkers.contains("inventory-sync") {
            throw ValidationError("--workers must have inventory-sync, which brings the bookings into PostgreSQL.")
        }
        if !(1...10_000).contains(connections) { throw ValidationError("--connections must be from 1 to 10000.") }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-bench-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        var configuration = LocalStackConfiguration(directory: folder, binaries: Installation.binaries)
        if let sync { configuration.brokerSync = sync }
        configuration.logLevel = "warning"
        // Small batches: a large one would hold up the reserves of its moment, since all of it runs on the same processors.
        configuration.projectionWindowMs = 100
        // One event is reserved at this rate on purpose.
        configuration.programEnvironment["queue-release"] = ["QUEUE_AUTOMATIC_RATE": "0"]
        let installation = try Installation(configuration, workers: chosenWorkers) { Output.progress("  \($0)") }
        let end = StopSignals()
        let figures: Figures
        do {
            figures = try await end.unlessStopped { try await measure(installation) }
        } catch {
            await installation.stack.stop()
            throw error
        }
        await installation.stack.stop()
        try await installation.stack.erase()
        report(figures)
        try json?.write(figures)
        if !figures.inventoryOk { throw ExitCode(1) }
    }

    private func measure(_ installation: Installation) async throws -> Figures {
        let zone = SeedFile.Zone(name: "Field", capacity: 100_000_000, priceMinor: 100)
        let catalogue = SeedFile(
            tenant: .init(slug: "bench", name: "Bench"), events: [.init(slug: "bench", title: "Bench", shows: [.init(zones: [zone])])])
        let ids = try await installation.start(catalogue).events[0]
        let perSecond = Int(rate) ?? 40_000
        let requests = try await prepare(installation, ids, count: perSecond * seconds + connections)
        // Redis notes a sync from this many milliseconds on.
        try await Connections.redis(installation.settings) {
            _ = try await $0.send(RedisCommand("CONFIG", "SET", "latency-monitor-threshold", "1"))
            _ = try await $0.send(RedisCommand("LATENCY", "RESET"))
        }
        let lag = LagWatch(installation)
        let cpu = CPUSampler(await installation.stack.processIDs().merging(["load": getpid()]) { old, _ in old })
        var plan = LoadPlan(
            port: installation.stack.endpoints.httpPort, connections: connections, pace: Double(rate).map { .perSecond($0) } ?? .asFastAsPossible,
            duration: .seconds(seconds)
        ) { index, bytes in
            requests.append(index, to: &bytes)
        }
        plan.maxRequests = requests.count
        plan.onProgress = { Output.progress("  \($0.answered) answered, \($0.errors) errors, slowest \(Int($0.maxMs)) ms") }
        Output.progress("  reserving, \(rate == "max" ? "as fast as it goes" : "\(rate) a second"), for \(seconds) s")
        let report = try await LoadGenerator.run(plan)
        let usage = cpu.usage()
        let waits = try await Connections.redis(installation.settings) { try await $0.send(RedisCommand("LATENCY", "LATEST")).elements ?? [] }
        // Name, time, latest, longest.
        let syncs = waits.compactMap(\.elements).first { $0.count > 3 && $0[0].text == "aof-fsync-always" }
        let projectionLag = try await lag.untilCaughtUp()
        Output.progress("  checking the inventory")
        let check = try await InventoryCheck.run(settings: installation.settings, wait: .seconds(60))
        if !check.ok || !check.atRest { check.print() }
        return Figures(
            requestsPerSecond: report.requestsPerSecond, p50Ms: report.p50Ms, p99Ms: report.p99Ms, p999Ms: report.p999Ms, maxMs: report.maxMs,
            errors: report.errors, codes: Dictionary(uniqueKeysWithValues: report.codes.map { ("\($0.key)", $0.value) }),
            cpu: usage.percent.merging(["idle": usage.idlePercent]) { old, _ in old }, projectionLagSeconds: projectionLag,
            slowestSyncMs: syncs?[3].int ?? 0, inventoryOk: check.ok && check.atRest)
    }

    private func prepare(_ installation: Installation, _ event: Seeder.Report.Event, count: Int) async throws -> PreparedReserves {
        Output.progress("  minting \(count) tokens")
        let keys = try await Connections.tokens(installation.settings)
        let show = event.shows[0]
        let body = #"{"event_id":"\#(event.eventID)","show_id":"\#(show.showID)","zone_id":"\#(show.zones[0].zoneID)","quantity":1}"#
        return try PreparedReserves(count: count, body: body) {
            try keys.sign(Token.token(user: Token.newUser(), lifetime: .seconds(7200)))
        }
    }

    private func report(_ figures: Figures) {
        func two(_ value: Double) -> String { String(format: "%.2f", value) }
        print("requests/s        \(Int(figures.requestsPerSecond))")
        print("latency ms        p50 \(two(figures.p50Ms))  p99 \(two(figures.p99Ms))  p99.9 \(two(figures.p999Ms))  max \(two(figures.maxMs))")
        print("errors            \(figures.errors)")
        print("codes             \(figures.codes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "))")
        print("cpu % of a core   \(figures.cpu.sorted { $0.value > $1.value }.map { "\($0.key) \(Int($0.value))" }.joined(separator: ", "))")
        print("projection lag s  \(two(figures.projectionLagSeconds))")
        print("slowest sync ms   \(figures.slowestSyncMs)")
        print("inventory         \(figures.inventoryOk ? "ok" : "BROKEN")")
    }
}
