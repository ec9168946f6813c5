import ArgumentParser
import Replays

extension Replay {
    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Goes on with a replay that was stopped, or whose process died.",
            discussion: "Nothing is left out by it. One whose process was killed can be resumed after 15 seconds, when its lease has run out.")

        @Argument(help: "The replay's id (rushctl replay list).")
        var id: String

        @Flag(help: "Of a rebuild: exchange the tables even if rows vanish or change by it.")
        var acceptDifferences = false

        @Flag(help: "Print the report as JSON.")
        var json = false

        func run() async throws {
            let (id, acceptDifferences, json) = (id, acceptDifferences, json)
            try await ReplayRun.withDesk { run in
                try await run.finish(json: json) { desk, actor, progress in
                    try await desk.resume(id, actor: actor, acceptDifferences: acceptDifferences, progress: progress)
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists replays, newest first.",
            discussion: "`running` is worked at now, `interrupted` can be resumed.")

        @Option(help: "How many.")
        var limit = 20

        @Flag(help: "Print JSON.")
        var json = false

        func validate() throws {
            if !(1...1_000).contains(limit) { throw ValidationError("--limit is from 1 to 1000.") }
        }

        func run() async throws {
            let (limit, json) = (limit, json)
            try await ReplayRun.withDesk { run in
                let replays = try await run.desk.list(limit: limit)
                if json { return try Output.json(replays) }
                if replays.isEmpty { print("no replays") }
                for replay in replays {
                    let done = "\(replay.read) of \(replay.total) read, \(replay.taken) handed on"
                    print(
                        "\(replay.id)  \(replay.status.rawValue)  \(replay.request.topic) into \(replay.kind) \(replay.target)  \(done)  by \(replay.actor)"
                    )
                    if let error = replay.error { print("    \(error)") }
                }
            }
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives up a replay that is not at its end, and drops the tables that a rebuild put aside.",
            discussion: "Nobody must be working at it. What it has handed on stays handed on.")

        @Argument(help: "The replay's id (rushctl replay list).")
        var id: String

        @OptionGroup var manner: Manner

        func run() async throws {
            let (id, manner) = (id, manner)
            try await ReplayRun.withDesk { run in
                guard let replay = try await run.desk.find(id) else { throw ReplayError(.notFound, "forget", "there is no replay \(id)") }
                if manner.json {
                    try Output.json(replay)
                } else {
                    print("\(replay.status.rawValue) replay of \(replay.request.topic) into \(replay.kind) \(replay.target)")
                }
                if manner.dryRun { return }
                try Consent.ask("Forget it, with the tables that it made or put aside?", yes: manner.yes)
                try await run.desk.forget(id, actor: run.actor)
            }
        }
    }
}
