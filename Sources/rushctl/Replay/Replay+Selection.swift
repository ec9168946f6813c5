import ArgumentParser
import Domain
import Foundation
import Replays

extension Replay {
    /// Where in a topic a replay begins.
    struct Beginning: ParsableArguments {
        @Option(help: ArgumentHelp("The topic.", valueName: "topic"))
        var topic: String

        @Option(
            help: ArgumentHelp(
                "From the first message of this time on: RFC 3339 (2026-11-21T02:00:00Z), or so long ago (90s, 15m, 2h, 3d).", valueName: "time"))
        var since: Moment?

        @Option(help: ArgumentHelp("From this offset of each partition on.", valueName: "offset"))
        var fromOffset: Int64?

        @Option(help: ArgumentHelp("Only this partition; may be repeated.", valueName: "number"))
        var partition: [Int32] = []

        func validate() throws {
            if since != nil, fromOffset != nil { throw ValidationError("Say either --since or --from-offset.") }
            if let fromOffset, fromOffset < 0 { throw ValidationError("--from-offset is at least 0.") }
        }

        var from: ReplayRequest.Position? { since.map { .time($0.timestamp) } ?? fromOffset.map { .offset($0) } }
        var partitions: [Int32]? { partition.isEmpty ? nil : partition }
    }

    /// What every way of a replay understands.
    struct Manner: ParsableArguments {
        @Flag(help: "Only say what would be done.")
        var dryRun = false

        @Flag(name: [.short, .long], help: "Do not ask. Needed where standard input is no terminal.")
        var yes = false

        @Flag(help: "Print JSON: the plan with --dry-run, else the report.")
        var json = false
    }

    /// A time as a person types it.
    struct Moment: ExpressibleByArgument {
        let timestamp: Timestamp

        init?(argument: String) {
            if let timestamp = Timestamp(rfc3339: argument) {
                self.timestamp = timestamp
                return
            }
            let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
            guard let unit = argument.last.flatMap({ units[$0] }), let count = Int64(argument.dropLast()), (1...1_000_000).contains(count) else {
                return nil
            }
            timestamp = Timestamp(ms: Int64(Date().timeIntervalSince1970 * 1000) - count * unit * 1000)
        }
    }
}
