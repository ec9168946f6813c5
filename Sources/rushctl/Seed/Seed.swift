import ArgumentParser
import BookingEngine

/// `rushctl seed`.
struct Seed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Loads a catalogue into PostgreSQL and its stock into Redis; doing it twice resets nothing.",
        discussion: """
            A tenant, a venue, events with shows and zones. Ids follow from slugs and names, so the same file gives the same ids everywhere. What is there \
            keeps its times and what is sold of it; a capacity may be raised. Redis must be trusted, or is recovered first.

              rushctl seed                          the demo's catalogue
              rushctl seed --file catalogue.json    one of your own
            """)

    @Option(help: "A catalogue in JSON; the demo's when absent.")
    var file: String?

    @Flag(help: "Print the ids as JSON.")
    var json = false

    func run() async throws {
        let catalogue = try file.map { try SeedFile.read($0) } ?? .demo
        try await Rebuild.ensureTrusted(.environment)
        let keys = try Connections.personalDataKeys()
        let report = try await Connections.database { database in
            try await Connections.redis { redis in
                try await Seeder(database: database, engine: BookingEngine(redis: redis), keys: keys).load(catalogue)
            }
        }
        if json { return try Output.json(report) }
        for event in report.events {
            print("\(event.slug)  event \(event.eventID)")
            for show in event.shows {
                print("  show \(show.showID)")
                for zone in show.zones { print("    zone \(zone.zoneID)  \(zone.name): \(zone.available) of \(zone.capacity) free") }
            }
        }
    }
}
