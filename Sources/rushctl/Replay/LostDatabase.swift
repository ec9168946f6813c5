import BookingEngine
import DeadLetters
import Domain
import Foundation
import KafkaClient
import Migrations
import PostgresClient
import Replays
import Settings
import Topics

/// PostgreSQL lost altogether: brings back what it reports, from what Kafka remembers.
struct LostDatabase: Sendable {
    /// What is there and what would be done.
    struct Plan: Encodable, Sendable {
        let database: String
        let exists: Bool
        /// Schema steps to be made.
        let migrations: Int
        /// Events of the catalogue that are in the database.
        let events: Int
        /// Consumer groups that would write meanwhile, and how many members each has.
        let members: [String: Int]
        /// What stands in the way, for people; empty when nothing does.
        let obstacles: [String]
        let rebuilds: [ReplayPlan]
    }

    /// What was done.
    struct Report: Encodable, Sendable {
        let database: String
        let created: Bool
        /// Schema steps that were made.
        let migrations: [String]
        let events: Int
        let rebuilds: [ReplayReport]
        /// Dead letters that were found and taken into the index.
        let deadLetters: Int
        let seconds: Double
    }

    /// How long members that were stopped may take to leave: a session of a member that was killed, and some more.
    private static let leaving = Duration.seconds(30)

    let settings: Settings
    /// The catalogues to load; none where they were restored.
    let catalogues: [SeedFile]
    let stopsFleet: Bool
    let rate: Int?
    private let name: String
    /// The same server's own database, from which another can be made.
    private let serverURL: String

    /// - Throws: an error that says what is wrong with `DATABASE_URL`.
    init(_ settings: Settings, catalogues: [SeedFile], stopsFleet: Bool, rate: Int?) throws {
        let url = try settings.required("DATABASE_URL")
        guard var parts = URLComponents(string: url), parts.path.count > 1 else { throw LostDatabaseError("DATABASE_URL names no database") }
        name = String(parts.path.dropFirst())
        parts.path = "/postgres"
        serverURL = parts.string ?? url
        self.settings = settings
        self.catalogues = catalogues
        self.stopsFleet = stopsFleet
        self.rate = rate
    }

    /// Looks; changes nothing.
    func plan() async throws -> Plan {
        let exists = try await onServer { try await !$0.query("SELECT 1 AS one FROM pg_database WHERE datname = $1", [.text(name)]).isEmpty }
        let (migrations, events) =
            exists ? try await Connections.database(settings) { (try await Self.missing($0), try await Self.events($0)) } : (Migration.all.count, 0)
        let members = try await Self.members(settings)
        var obstacles: [String] = []
        if !members.isEmpty, !stopsFleet {
            let names = members.keys.sorted().joined(separator: ", ")
            obstacles.append("workers would go on with half a database: stop the members of \(names), or have that done (--stop-fleet)")
        }
        if events == 0, catalogues.isEmpty {
            obstacles.append("there is no catalogue: restore the tables of migration 0001 from a backup, or name a file (--catalogue)")
        }
        // Needs no database: what is to be read is on the topics.
        let unused = PostgresClient(configuration: try PostgresConfiguration(url: serverURL, poolSize: 1), logger: Connections.logger)
        let desk = ReplayDesk(database: unused, bootstrapServers: Connections.kafka(settings), audit: { _ in }, logger: Connections.logger)
        var rebuilds: [ReplayPlan] = []
        for projection in ProjectionName.allCases { rebuilds.append(try await desk.plan(request(projection))) }
        return Plan(
            database: name, exists: exists, migrations: migrations, events: events, members: members, obstacles: obstacles, rebuilds: rebuilds)
    }

    /// Does it. Begun again after a kill, it goes on.
    /// - Parameter progress: what it is at.
    func recover(_ progress: @escaping @Sendable (ReplayProgress) -> Void) async throws -> Report {
        let start = ContinuousClock.now
        try await tell(.accepted)
        let restart = stopsFleet ? try await FleetStop.stopAll() : nil
        try await waitUntilNobodyWrites()
        let isNew = try await onServer { server in
            guard try await server.query("SELECT 1 AS one FROM pg_database WHERE datname = $1", [.text(name)]).isEmpty else { return false }
            _ = try await server.query("CREATE DATABASE \"\(name.replacing("\"", with: "\"\""))\"")
            return true
        }
        let report = try await Connections.database(settings) { database in
            let migrations = try await Migrator(database: database).up().map(\.title)
            for catalogue in catalogues { try await seed(catalogue, database) }
            let rebuilds = try await rebuild(database, progress)
            let deadLetters = try await AuditTrail.open(settings) { trail in
                try await DeadLetterDesk(
                    database: database, bootstrapServers: Connections.kafka(settings), audit: { try await trail.record($0) },
                    logger: Connections.logger
                ).catchUp()
            }
            return Report(
                database: name, created: isNew, migrations: migrations, events: try await Self.events(database), rebuilds: rebuilds,
                deadLetters: deadLetters, seconds: (ContinuousClock.now - start) / .seconds(1))
        }
        try await restart?()
        try await tell(.succeeded)
        return report
    }

    private func tell(_ outcome: AuditEntry.Outcome) async throws {
        try await AuditTrail.open(settings) { trail in
            try await trail.record(
                AuditEntry(
                    actor: AuditTrail.actor, action: "replay.database", entity: "databases", entityID: name, outcome: outcome, at: .now))
        }
    }

    /// Members that were killed are counted until their session has ended.
    private func waitUntilNobodyWrites() async throws {
        let limit = ContinuousClock.now + Self.leaving
        while true {
            let members = try await Self.members(settings)
            if members.isEmpty { return }
            guard ContinuousClock.now < limit else {
                throw LostDatabaseError("\(members.keys.sorted().joined(separator: ", ")) still have members; stop them, and run this again")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func rebuild(_ database: PostgresClient, _ progress: @escaping @Sendable (ReplayProgress) -> Void) async throws -> [ReplayReport] {
        try await AuditTrail.open(settings) { trail in
            let desk = ReplayDesk(
                database: database, bootstrapServers: Connections.kafka(settings), audit: { try await trail.record($0) }, logger: Connections.logger)
            var reports: [ReplayReport] = []
            for projection in ProjectionName.allCases {
                let open = try await desk.list(limit: 1000).first {
                    $0.status == .interrupted && $0.request.into == .rebuild(projection)
                }
                reports.append(
                    try await desk.run(request(projection), actor: AuditTrail.actor, id: open?.id, progress: progress))
            }
            return reports
        }
    }

    private func request(_ projection: ProjectionName) -> ReplayRequest { .rebuild(projection, rate: rate) }

    private func seed(_ catalogue: SeedFile, _ database: PostgresClient) async throws {
        let keys = try Connections.personalDataKeys(settings)
        try await Connections.redis(settings) { redis in
            let seeder = Seeder(database: database, engine: BookingEngine(redis: redis), keys: keys)
            // The rows first: a Redis that was lost too gets its zones from them, and what was sold of them from the topic.
            try await seeder.write(catalogue)
            try await Rebuild.ensureTrusted(settings)
            _ = try await seeder.load(catalogue)
        }
    }

    private func onServer<T: Sendable>(_ body: (PostgresClient) async throws -> T) async throws -> T {
        try await Connections.database(Settings(["DATABASE_URL": serverURL]), body)
    }

    private static func missing(_ database: PostgresClient) async throws -> Int {
        try await Migrator(database: database).status().count { $0.appliedAt == nil }
    }

    private static func events(_ database: PostgresClient) async throws -> Int {
        guard try await database.query("SELECT to_regclass('public.events') IS NOT NULL AS is_there").one().bool("is_there") else { return 0 }
        return try await database.query("SELECT count(*) AS events FROM events").one().int("events")
    }

    /// The groups of workers that have members now.
    private static func members(_ settings: Settings) async throws -> [String: Int] {
        let groups = Set(try TopicCatalogue.load().topics.compactMap(\.group))
        let admin = try KafkaAdmin(
            configuration: KafkaAdminConfiguration(bootstrapServers: Connections.kafka(settings), clientID: "rushctl-database"),
            logger: Connections.logger)
        do {
            let found = try await admin.groups()
            await admin.shutdown()
            return Dictionary(uniqueKeysWithValues: found.filter { groups.contains($0.name) && $0.members > 0 }.map { ($0.name, $0.members) })
        } catch {
            await admin.shutdown()
            throw StoreAway.named(error, settings)
        }
    }
}

/// Why a lost database cannot be brought back.
struct LostDatabaseError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
