import ArgumentParser
import Migrations

/// `rushctl migrate up|down|status`.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings the database's schema up or down.", subcommands: [Up.self, Down.self, Status.self])

    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes the steps that are missing.")

        func run() async throws {
            let made = try await Connections.database { try await Migrator(database: $0).up() }
            for migration in made { print("applied \(migration.title)") }
            if made.isEmpty { print("up to date") }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Takes the newest steps back; their data is lost.")

        @Option(help: "How many steps.")
        var steps = 1

        func validate() throws {
            if steps < 1 { throw ValidationError("--steps must be at least 1.") }
        }

        func run() async throws {
            let steps = steps
            let undone = try await Connections.database { try await Migrator(database: $0).down(steps) }
            for migration in undone { print("took back \(migration.title)") }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows which steps are made.")

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let steps = try await Connections.database { database in try await Migrator(database: database).status() }
            if json {
                try Output.json(steps.map { ["name": $0.migration.title, "applied_at": $0.appliedAt ?? ""] })
            } else {
                for step in steps { print("\(step.migration.title)  \(step.appliedAt ?? "pending")") }
            }
        }
    }
}
