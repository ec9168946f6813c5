import Analytics
import ArgumentParser
import Domain
import Foundation
import KafkaClient
import LocalStack
import Topics

/// `rushctl bench workers`.
struct BenchWorkers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Messages a second of each worker, one copy at a time.",
        discussion: """
            The topics are filled first, with bookings, payments and cancels made by the product's own scripts; then one copy of a worker starts, and its \
            effects are counted in PostgreSQL until all are there. Redis, PostgreSQL, the broker and the payment simulator (no latency, no webhooks) run on \
            the same machine.
            """)

    @Option(help: "Events for inventory-sync.")
    var events = 200_000

    @Option(help: "Payments for the payment worker.")
    var payments = 10_000

    @Option(help: "Cancels for the expiry worker.")
    var cancels = 20_000

    @Option(help: "Payments that the worker has in hand at a time.")
    var concurrency = 256

    @Option(help: "Where to write the figures as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    func validate() throws {
        if !(1_000...5_000_000).contains(events) { throw ValidationError("--events must be from 1000 to 5000000.") }
        if !(100...500_000).contains(payments) { throw ValidationError("--payments must be from 100 to 500000.") }
        if !(100...500_000).contains(cancels) { throw ValidationError("--cancels must be from 100 to 500000.") }
        if payments + cancels > events { throw ValidationError("--events must be at least --payments and --cancels together: each needs a booking.") }
        if !(1...4_096).contains(concurrency) { throw ValidationError("--concurrency must be from 1 to 4096.") }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-bench-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        var configuration = LocalStackConfiguration(directory: folder, binaries: Installation.binaries)
        configuration.logLevel = "warning"
        configuration.simulatorWebhooks = false
        configuration.programEnvironment["payment"] = ["PAYMENT_CONCURRENCY": "\(concurrency)"]
        let installation = try Installation(configuration) { Output.progress("  \($0)") }
        let end = StopSignals()
        let figures: [String: Double]
        do {
            figures = try await end.unlessStopped { try await measure(installation) }
        } catch {
            await installation.stack.stop()
            throw error
        }
        await installation.stack.stop()
        try await installation.stack.erase()
        for (worker, rate) in figures.sorted(by: { $0.key < $1.key }) { print("\(worker)  \(Int(rate)) messages/s") }
        try json?.write(figures)
    }

    /// A query for how much a projection has taken.
    private static func read(_ group: String) -> String {
        "SELECT coalesce(sum(next_offset), 0)::bigint AS done FROM projection_offsets WHERE consumer_group = '\(group)'"
    }

    /// How many messages are on topics.
    private static func messages(_ topics: [Topic], _ installation: Installation) async throws -> Int64 {
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(
                bootstrapServers: installation.stack.endpoints.kafkaBootstrapServers, clientID: "rushctl-bench"), logger: Connections.logger)
        var count: Int64 = 0
        for topic in topics { count += try await admin.offsets(topic: topic.name).values.reduce(0) { $0 + $1.high } }
        await admin.shutdown()
        return count
    }

    private func measure(_ installation: Installation) async throws -> [String: Double] {
        let zone = SeedFile.Zone(name: "Field", capacity: 100_000_000, priceMinor: 100)
        let catalogue = SeedFile(
            tenant: .init(slug: "bench", name: "Bench"), events: [.init(slug: "bench", title: "Bench", shows: [.init(zones: [zone])])])
        let event = try await installation.prepare(catalogue).events[0]
        let (events, payments, cancels) = (events, payments, cancels)
        return try await WorkerWorkload.with(installation, event) { workload in
            Output.progress("  reserving \(events) bookings")
            let bookings = try await workload.reserve(events)
            Output.progress("  beginning \(payments) payments and \(cancels) cancels")
            try await workload.beginPayments(bookings[..<payments])
            try await workload.acceptCancels(bookings[payments..<(payments + cancels)])
            var figures: [String: Double] = [:]
            for (worker, done, total) in [
                ("inventory-sync", Self.read("inventory-sync"), events + payments),
                ("payment", "SELECT count(*) AS done FROM saga_instances WHERE state = 'confirmed'", payments),
                ("expiry", "SELECT count(*) AS done FROM operations WHERE type = 'booking.cancel'", cancels),
            ] {
                figures[worker] = try await WorkerRace(installation: installation, worker: worker, done: done, total: Int64(total)).run()
            }
            // All that the others have told by now.
            figures["analytics"] = try await WorkerRace(
                installation: installation, worker: "analytics", done: Self.read("analytics"),
                total: try await Self.messages(AnalyticsTopics.all, installation)
            ).run()
            return figures
        }
    }
}
