import ArgumentParser
import Domain
import Replays

extension Replay {
    struct Group: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sets a consumer group's offsets back, so that its members read a topic again.",
            discussion: """
                Refused while the group has members, by the coordinator too. Stop them \
                first (rushctl fleet drain WORKER), or have that done: --stop-fleet. \
                Partitions that are not named keep their offsets. To handle a part of \
                a topic again, or some keys, use `rushctl replay worker`.

                What has come since two o'clock again:

                  rushctl replay group inventory-sync --topic booking.events \
                --since 2026-11-21T02:00:00Z --dry-run
                """)

        @Argument(help: "The consumer group.")
        var group: String

        @OptionGroup var beginning: Beginning

        @Flag(help: "Stop the group's members before, and start them again afterwards.")
        var stopFleet = false

        @OptionGroup var manner: Manner

        func validate() throws {
            if beginning.from == nil { throw ValidationError("Say from where: --since TIME or --from-offset N.") }
        }

        func run() async throws {
            let request = ReplayRequest(
                topic: beginning.topic, from: beginning.from, partitions: beginning.partitions, into: .group(group), stopFleet: stopFleet)
            try await manner.run(request)
        }
    }

    struct Worker: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Has the workers of one group handle chosen messages again, as a side stream.",
            discussion: """
                The messages are copied onto <group>.redrive with key, value, headers \
                and time as they are. The group goes on with all else meanwhile. \
                Without --since or --from-offset it begins with the oldest message \
                that is kept, without --until or --until-offset it ends with the \
                newest at its start. With --key or --type the dry run reads all of \
                that to count what fits.

                One booking's commands of the last two hours again, ten a second:

                  rushctl replay worker payment --topic payment.commands --since 2h \
                --key 01a1fbfe-71c5-743e-8000-000000000000 --rate 10
                """)

        @Argument(help: "The consumer group whose workers do it.")
        var group: String

        @OptionGroup var beginning: Beginning

        @Option(help: ArgumentHelp("Up to the first message of this time, which is left out; as --since.", valueName: "time"))
        var until: Moment?

        @Option(help: ArgumentHelp("Up to this offset of each partition, which is left out.", valueName: "offset"))
        var untilOffset: Int64?

        @Option(help: ArgumentHelp("Only messages with this key.", valueName: "key"))
        var key: String?

        @Option(help: ArgumentHelp("Only messages of this CloudEvents type, such as payment.charge.v1.", valueName: "type"))
        var type: String?

        @Option(help: ArgumentHelp("Messages a second, at most.", valueName: "number"))
        var rate: Int?

        @OptionGroup var manner: Manner

        func validate() throws {
            if until != nil, untilOffset != nil { throw ValidationError("Say either --until or --until-offset.") }
            if let rate, rate < 1 { throw ValidationError("--rate is at least 1 message a second.") }
        }

        func run() async throws {
            let request = ReplayRequest(
                topic: beginning.topic, from: beginning.from, until: until.map { .time($0.timestamp) } ?? untilOffset.map { .offset($0) },
                partitions: beginning.partitions, key: key, type: type, into: .worker(group), rate: rate)
            try await manner.run(request)
        }
    }

    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes the tables of projections anew from their topics.",
            discussion: """
                bookings    bookings, and the counts of seat_zones: booking.events
                payments    payments, and sagas that are missing: payment.events
                refunds     refunds, vouchers, event_cancellations: refund.events
                operations  operations: operation.events
                analytics   events_raw, analytics_daily, analytics_realtime: all \
                topics of events but audit.events

                The audit's rows are chained and only ever added to, so they are not \
                made anew.

                The new tables are built beside those in use while everything goes on. \
                For the last stretch, whoever writes the old ones waits; rows and a \
                hash of both are printed, and the new ones take their place with all \
                indexes, constraints, foreign keys and grants. Payments, refunds and \
                operations that no event tells of yet are taken over.

                Rows that would vanish or change need --accept-differences. Without it \
                nothing is exchanged, and `resume` goes on with what was built. The old \
                tables stay in the schema replaced_<id> until `forget`, or the next \
                rebuild of the same projection.
                """)

        @Argument(help: "Projections by name; several may be named.")
        var projections: [String] = []

        @Flag(help: "All of them.")
        var all = false

        @Option(help: ArgumentHelp("Messages a second, at most.", valueName: "number"))
        var rate: Int?

        @Flag(help: "Exchange the tables even if rows vanish or change by it.")
        var acceptDifferences = false

        @OptionGroup var manner: Manner

        func validate() throws {
            if projections.isEmpty != all { throw ValidationError("Name projections (\(Self.names)), or say --all.") }
            for name in projections where ProjectionName(rawValue: name) == nil { throw ValidationError(ProjectionName.refusal(of: name) + ".") }
            if let rate, rate < 1 { throw ValidationError("--rate is at least 1 message a second.") }
        }

        func run() async throws {
            let chosen = all ? ProjectionName.allCases : projections.compactMap { ProjectionName(rawValue: $0) }
            try await manner.run(chosen.map { .rebuild($0, rate: rate, acceptDifferences: acceptDifferences) })
        }

        private static let names = ProjectionName.allCases.map(\.rawValue).joined(separator: ", ")
    }
}
