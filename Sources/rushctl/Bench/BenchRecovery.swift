import ArgumentParser
import BookingEngine
import Domain
import Foundation
import LocalStack
import RedisClient

/// `rushctl bench recovery`.
struct BenchRecovery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recovery", abstract: "How long Redis is not trusted: after a restart that lost nothing, and with everything gone.",
        discussion: """
            booking.events is filled with bookings in many zones, half of them sold; inventory-sync writes most of them to PostgreSQL and is stopped before \
            the rest. Redis is flushed, and gets everything back from PostgreSQL and the topic; then it is killed and started again. Redis, PostgreSQL and \
            the broker run on the same machine. Exit code 1 when a booking is missing afterwards.
            """)

    @Option(help: "Bookings in all.")
    var bookings = 1_000_000

    @Option(help: "Of a hundred bookings, those that are on the topic and not yet in PostgreSQL.")
    var unreported = 10

    @Option(help: "Events (concerts), each with zones of its own; together they have the bookings.")
    var events = 20

    @Option(help: "Where to write the figures as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    func validate() throws {
        if !(1_000...10_000_000).contains(bookings) { throw ValidationError("--bookings must be from 1000 to 10000000.") }
        if !(0...100).contains(unreported) { throw ValidationError("--unreported must be from 0 to 100.") }
        if !(1...1_000).contains(events) { throw ValidationError("--events must be from 1 to 1000.") }
    }

    /// What was measured.
    struct Figures: Codable, Sendable {
        var bookings: Int
        /// From the first look at an empty Redis until it was trusted.
        var nothingLeftSeconds: Double
        var bookingsPerSecond: Double
        /// From the restarted Redis' first answer until it was trusted.
        var nothingLostSeconds: Double
        /// Redis' memory with all of them.
        var redisMiB: Double
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-bench-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        var configuration = LocalStackConfiguration(directory: folder, binaries: Installation.binaries)
        configuration.logLevel = "warning"
        configuration.redisMaxMemory = "16gb"
        let installation = try Installation(configuration) { Output.progress("  \($0)") }
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
        print(
            "nothing left  \(String(format: "%.1f", figures.nothingLeftSeconds)) s for \(bookings) bookings, \(Int(figures.bookingsPerSecond)) a second"
        )
        print("nothing lost  \(String(format: "%.3f", figures.nothingLostSeconds)) s")
        print("Redis         \(Int(figures.redisMiB)) MiB")
        try json?.write(figures)
    }

    private func measure(_ installation: Installation) async throws -> Figures {
        let report = try await installation.prepare(RecoveryWorkload.catalogue(events: events, bookings: bookings))
        let workload = try RecoveryWorkload(report, bookings: bookings)
        let late = bookings / 100 * unreported
        Output.progress("  writing \(bookings - late) events")
        try await workload.write(0..<(bookings - late), to: installation)
        if late < bookings {
            let race = WorkerRace(
                installation: installation, worker: "inventory-sync",
                done: "SELECT coalesce(sum(next_offset), 0)::bigint AS done FROM projection_offsets", total: Int64(bookings - late))
            Output.progress("  inventory-sync did \(Int(try await race.run())) a second")
        }
        Output.progress("  writing \(late) more")
        try await workload.write((bookings - late)..<bookings, to: installation)

        try await Connections.redis(installation.settings) { _ = try await $0.send(RedisCommand("FLUSHALL")) }
        let empty = try await Rebuild.rebuild(installation.settings)
        guard empty.restored == bookings else { throw RecoveryWorkload.Failure(description: "\(empty.restored) of \(bookings) bookings came back") }
        let memory = try await Connections.redis(installation.settings) { redis in
            try await workload.check(redis)
            let info = try await redis.send(RedisCommand("INFO", "memory")).text ?? ""
            let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
            return Double(line?.dropFirst("used_memory:".count) ?? "") ?? 0
        }
        try await installation.stack.kill(.redis)
        try await installation.stack.restart(.redis)
        let whole = try await Rebuild.rebuild(installation.settings)
        return Figures(
            bookings: bookings, nothingLeftSeconds: empty.seconds, bookingsPerSecond: Double(bookings) / empty.seconds,
            nothingLostSeconds: whole.seconds, redisMiB: memory / 1_048_576)
    }
}
