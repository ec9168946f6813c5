import ArgumentParser
import Foundation
import LocalStack
import PostgresClient

/// `rushctl faults`, which is `ops/faults`.
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills, freezes and restarts everything under load, then checks that nothing is lost or doubled.",
        discussion: """
            An installation of its own, on free ports and in a folder of its own: people reserve, pay (with cards that succeed, decline, time out and \
            answer late), pay in two tabs, cancel, let expire, ask their money back, and wait in line for an event with too few places, while the ingress, the workers, the broker, Redis, PostgreSQL \
            and the payment simulator are killed, frozen and restarted at random moments. Afterwards everything must come to rest, and all invariants \
            must hold. The same seed does the same things at the same moments. Exit code 1 when something is lost, doubled or broken.
            """)

    @Option(help: "Seconds of load and faults.")
    var seconds = 120

    @Option(help: "Seed of the plan; random when absent, and printed.")
    var seed: UInt64?

    @Option(help: "People a second.")
    var rate = 25

    @Option(help: "Seconds that everything may take to come to rest afterwards.")
    var drain = 180

    @Option(help: "Where to write the report as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    func validate() throws {
        if !(5...3600).contains(seconds) { throw ValidationError("--seconds must be from 5 to 3600.") }
        if !(1...500).contains(rate) { throw ValidationError("--rate must be from 1 to 500.") }
        if !(10...3600).contains(drain) { throw ValidationError("--drain must be from 10 to 3600.") }
    }

    func run() async throws {
        let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        Output.progress("seed \(seed)")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-faults-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        var configuration = LocalStackConfiguration(directory: folder, binaries: Installation.binaries)
        configuration.holdSeconds = 8
        configuration.logLevel = "warning"
        // Many people come from one address.
        configuration.environment["TRUSTED_PROXIES"] = HTTPProbe.host
        let installation = try Installation(configuration) { Output.progress("  \($0)") }
        let end = StopSignals()
        let report: FaultReport
        do {
            report = try await end.unlessStopped { try await measure(installation, seed) }
        } catch {
            await installation.stack.stop()
            Output.progress("the logs are in \(folder)/logs")
            throw error
        }
        await installation.stack.stop()
        if report.ok { try await installation.stack.erase() } else { Output.progress("the logs and data are in \(folder)") }
        print(report)
        try json?.write(report)
        if !report.ok { throw ExitCode(1) }
    }

    private func measure(_ installation: Installation, _ seed: UInt64) async throws -> FaultReport {
        let zone = SeedFile.Zone(name: "Field", capacity: 1_000_000, priceMinor: 12_345)
        // For half of those who come to it.
        let few = SeedFile.Zone(name: "Club", capacity: max(4, rate * seconds / 10), priceMinor: 12_345)
        let catalogue = SeedFile(
            tenant: .init(slug: "faults", name: "Faults"),
            events: [
                .init(slug: "faults", title: "Faults", shows: [.init(zones: [zone])]),
                .init(slug: "line", title: "Line", shows: [.init(zones: [few])]),
            ])
        let places = try await installation.start(catalogue).events.map { event in
            JourneyBuyer.Place(event: "\(event.eventID)", show: "\(event.shows[0].showID)", zone: "\(event.shows[0].zones[0].zoneID)")
        }
        let line = LineAccount(installation: installation, event: places[1].event)
        try await line.open()
        let load = FaultLoad(installation: installation, place: places[0], line: places[1], perSecond: rate, seed: seed)
        let spree = FaultSpree(stack: installation.stack, plan: FaultPlan(seed: seed, length: .seconds(seconds)))
        let isOver = ContinuousClock.now + .seconds(seconds)
        async let coming: Void = load.run()
        try await spree.run()
        try await Task.sleep(until: isOver)
        load.stop()
        try await coming
        var report = FaultReport(seed: seed, seconds: seconds)
        report.events = spree.events
        report.kills = report.events.count { $0.what == "kill" }
        try await FaultAccount(installation: installation, stories: load.stories).settle(&report, limit: .seconds(drain))
        try await line.settle(&report)
        try await AuditAccount(installation: installation).settle(&report, limit: .seconds(drain))
        let figures = try await AnalyticsCommand.Check.report(installation.settings, wait: .seconds(drain))
        report.counted = Int(figures.read)
        if !figures.ok || !figures.atRest { report.faults += ["analytics: \(figures.behind) events to come"] + figures.samples.prefix(10) }
        return report
    }

    private func print(_ report: FaultReport) {
        let endings = report.endings.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        Swift.print("seed         \(report.seed), \(report.seconds) s")
        Swift.print("faults       \(report.events.count), of them \(report.kills) kills")
        Swift.print("bookings     \(report.bookings) answered with 202: \(endings)")
        Swift.print("payments     \(report.payments) answered with 202; \(report.repeats) requests sent again")
        Swift.print("lost         \(report.lost)")
        Swift.print("doubled      \(report.doubled)")
        Swift.print("admitted     \(report.admitted) from the line, \(report.admittedTwice) of them twice")
        Swift.print("audited      \(report.audited) rows, in chains that hold where nothing else is said below")
        Swift.print("counted      \(report.counted) events, in figures that equal a recount where nothing else is said below")
        Swift.print("at rest      after \(report.drainedMs) ms")
        Swift.print("invariants   \(report.invariantsOk ? "ok" : "BROKEN")")
        for fault in report.faults { Swift.print("    \(fault)") }
    }
}
