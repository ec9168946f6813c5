import ArgumentParser
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
}
