import ArgumentParser
import BookingEngine
import Domain
import Glibc
import KafkaClient
import Recovery
import Settings

/// `rushctl inventory rebuild`.
struct Rebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives Redis back what it may have forgotten, and trusts it again.",
        discussion: """
            The expiry worker does this by itself whenever Redis restarts or loses its state; until then reserves and payments are answered 503. By hand it \
            is needed where no such worker runs, or with --from-scratch when Redis is trusted and wrong: then zones and bookings are read from PostgreSQL \
            and the rest from booking.events, whatever the marks say. What Redis knows as well or better stays as it is, so it can be run at any time, twice, \
            and again after a kill. \
            Exit code 1 when it did not end, or when another process is at it.
            """)

    @Flag(help: "Also when Redis is trusted, and without its marks.")
    var fromScratch = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let fromScratch = fromScratch
        let report = try await Self.rebuild(.environment, always: fromScratch)
        if json { return try Output.json(report) }
        if report.wasTrusted, !fromScratch { return print("Redis is trusted; there is nothing to do.") }
        print("from              \(report.from)")
        print("zones loaded      \(report.zones)")
        print("events read       \(report.events)")
        print("bookings restored \(report.restored), known \(report.known), lost \(report.lost), without a zone \(report.withoutZone)")
        print("epoch             \(report.epoch)")
        print("seconds           \(report.seconds)")
    }

    /// How long it is waited for another process that recovers.
    private static let patience: Duration = .seconds(60)

    /// Makes sure that Redis is trusted before stock is loaded into it: what it forgot must not be sold again.
    static func ensureTrusted(_ settings: Settings) async throws {
        let end = ContinuousClock.now + patience
        while true {
            do {
                _ = try await rebuild(settings, isQuiet: true)
                return
            } catch let error as RecoveryError where error.code == .busy && ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Recovers the Redis of an installation.
    static func rebuild(_ settings: Settings, always: Bool = false, isQuiet: Bool = false) async throws -> RecoveryReport {
        try await Connections.database(settings) { database in
            try await Connections.redis(settings) { redis in
                let kafka = Connections.kafka(settings)
                let admin = try KafkaAdmin(
                    configuration: KafkaAdminConfiguration(bootstrapServers: kafka, clientID: "rushctl-rebuild"), logger: Connections.logger)
                let recovery = Recovery(
                    owner: "rushctl-\(getpid())", redis: redis, database: database, admin: admin, bootstrapServers: kafka, logger: Connections.logger)
                do {
                    let report = try await recovery.run(always: always) { if !isQuiet { Output.progress("  \($0)") } }
                    await admin.shutdown()
                    return report
                } catch {
                    await admin.shutdown()
                    throw error
                }
            }
        }
    }
}
