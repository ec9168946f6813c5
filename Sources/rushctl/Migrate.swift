import ArgumentParser
import Migrations

/// `rushctl migrate`.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings the database's schema up or down.",
        discussion: """
            The steps are in the binary (migrations/sql). Each is one transaction, and of several migrators one works at a time, so a step is made once \
            or not at all. The database itself must exist; one that was lost altogether is made by `rushctl replay database`.

              rushctl migrate status
              rushctl migrate up
            """,
        subcommands: [Up.self, Down.self, Status.self])

    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes the steps that are missing.",
            discussion: "Done twice it changes nothing. Workers and ingresses of the build before go on meanwhile.")

        @Flag(help: "Only say what would be made.")
        var dryRun = false

        @Flag(help: "Print the names of the steps as JSON.")
        var json = false

        func run() async throws {
            let dryRun = dryRun
            let steps = try await Connections.database { database in
                let migrator = Migrator(database: database)
                return dryRun ? try await migrator.status().filter { $0.appliedAt == nil }.map(\.migration) : try await migrator.up()
            }
            if json { return try Output.json(steps.map(\.title)) }
            for migration in steps { print("\(dryRun ? "would apply" : "applied") \(migration.title)") }
            if steps.isEmpty { print("up to date") }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes the newest steps back; their data is lost.",
            discussion: "See first what would go: rushctl migrate down --steps 2 --dry-run")

        @Option(help: "How many steps.")
        var steps = 1

        @OptionGroup var manner: Manner

        func validate() throws {
            if steps < 1 { throw ValidationError("--steps must be at least 1.") }
        }

        func run() async throws {
            let (steps, manner) = (steps, manner)
            let undone = try await Connections.database { database in
                let migrator = Migrator(database: database)
                let newest = try await migrator.status().filter { $0.appliedAt != nil }.map(\.migration).suffix(steps).reversed()
                if manner.dryRun || newest.isEmpty { return Array(newest) }
                try Consent.ask("Take back \(newest.map(\.title).joined(separator: ", ")), with all data in them?", yes: manner.yes)
                return try await migrator.down(steps)
            }
            if manner.json { return try Output.json(undone.map(\.title)) }
            for migration in undone { print("\(manner.dryRun ? "would take" : "took") back \(migration.title)") }
            if undone.isEmpty { print("nothing to take back") }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows which steps are made, and when.")

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
