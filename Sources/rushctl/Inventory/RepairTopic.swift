import ArgumentParser
import Domain
import Foundation
import KafkaClient
import Recovery
import Topics

/// `rushctl inventory repair-topic`.
struct RepairTopic: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair-topic",
        abstract: "Tells a topic anew what of it was lost.",
        discussion: """
            For booking.events that was deleted, made anew, or lost some of its records. What PostgreSQL's rows or Redis' holds say of a booking and the \
            topic does not is written to it again, with the id and version that it had: whoever has applied it passes over it. Bookings can be reserved \
            and paid meanwhile; it can be broken off and run again. Older states of a booking are not known any more, its newest is enough.

              rushctl inventory repair-topic --dry-run
              rushctl inventory repair-topic --yes
              rushctl inventory check --wait 60

            Exit code 1 when it did not end.
            """)

    @Option(help: ArgumentHelp("Which topic; only booking.events can be told from the stores.", valueName: "topic"))
    var topic = Topic.bookingEvents.name

    @Flag(help: "Only say what is missing.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if topic != Topic.bookingEvents.name {
            throw ValidationError(
                "Only \(Topic.bookingEvents.name) can be told anew: what other topics carried is in no store, or in its own tables.")
        }
    }

    func run() async throws {
        let report = try await Self.with { repair in
            let plan = try await repair.run(send: nil) { Output.progress("  \($0)") }
            if dryRun || plan.total == 0 { return plan }
            Self.show(plan)
            try Consent.ask("Write \(plan.total) events to \(topic)?", yes: yes)
            return try await Self.write(repair)
        }
        if json { return try Output.json(report) }
        Self.show(report)
        if report.total == 0 { return print("\(topic) tells all that PostgreSQL and Redis know.") }
        print(dryRun ? "Nothing was written." : "\(report.emitted) events were written in \(String(format: "%.1f", report.seconds)) s.")
    }

    private static func show(_ report: TopicRepairReport) {
        Output.progress("on the topic  \(report.onTopic) bookings")
        Output.progress("missing       \(report.total), of which \(report.unknown) are not on it at all")
        for (type, count) in report.missing.sorted(by: { $0.key < $1.key }) { Output.progress("  \(type)  \(count)") }
    }

    private static func write(_ repair: TopicRepair) async throws -> TopicRepairReport {
        _ = try await TopicsCommand.apply(bootstrapServers: Connections.kafka())
        var configuration = KafkaProducerConfiguration(bootstrapServers: Connections.kafka(), clientID: "rushctl-repair")
        configuration.messageTimeout = .seconds(30)
        let producer = try KafkaProducer(configuration: configuration, logger: Connections.logger)
        do {
            let report = try await AuditTrail.open { audit in
                try await audit.record(entry(.accepted))
                do {
                    let report = try await repair.run(
                        send: { records in for result in await producer.send(records) { _ = try result.get() } },
                        progress: { Output.progress("  \($0)") })
                    try await audit.record(entry(.succeeded, Array(Output.encode(report, pretty: false))))
                    return report
                } catch {
                    try await audit.record(entry(.failed))
                    throw error
                }
            }
            await producer.shutdown(flush: .seconds(5))
            return report
        } catch {
            await producer.shutdown(flush: .zero)
            throw error
        }
    }

    private static func entry(_ outcome: AuditEntry.Outcome, _ result: [UInt8]? = nil) -> AuditEntry {
        AuditEntry(
            actor: AuditTrail.actor, action: "inventory.repair_topic", entity: "topic", entityID: Topic.bookingEvents.name, outcome: outcome,
            new: result, at: .now)
    }

    private static func with<T: Sendable>(_ body: (TopicRepair) async throws -> T) async throws -> T {
        try await Connections.database { database in
            try await Connections.redis { redis in
                let kafka = Connections.kafka()
                let admin = try KafkaAdmin(
                    configuration: KafkaAdminConfiguration(bootstrapServers: kafka, clientID: "rushctl-repair"), logger: Connections.logger)
                do {
                    let result = try await body(
                        TopicRepair(redis: redis, database: database, admin: admin, bootstrapServers: kafka, logger: Connections.logger))
                    await admin.shutdown()
                    return result
                } catch {
                    await admin.shutdown()
                    throw error
                }
            }
        }
    }
}
