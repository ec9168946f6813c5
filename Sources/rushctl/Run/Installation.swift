import Authentication
import BookingEngine
import Foundation
import KafkaClient
import LocalStack
import Migrations
import Settings
import Topics

/// A whole local installation: services, schema, topics, catalogue, ingress and workers.
struct Installation {
    static let workers = ["inventory-sync", "expiry", "payment"]

    let stack: LocalStack
    let settings: Settings
    private let say: @Sendable (String) -> Void

    /// - Parameter say: told each step in a few words.
    init(_ configuration: LocalStackConfiguration, say: @escaping @Sendable (String) -> Void) throws {
        stack = try LocalStack(configuration)
        settings = Settings([
            "DATABASE_URL": stack.endpoints.databaseURL, "REDIS_URL": stack.endpoints.redisURL,
            "KAFKA_BOOTSTRAP_SERVERS": stack.endpoints.kafkaBootstrapServers, "JWT_SECRET": stack.endpoints.jwtSecret,
            "PAYMENT_GATEWAY_URL": stack.endpoints.paymentGatewayURL, "PAYMENT_GATEWAY_KEY": stack.endpoints.paymentGatewayKey,
        ])
        self.say = say
    }

    /// The folder of this program and its siblings.
    static var binaries: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    }

    /// Brings everything up and loads a catalogue.
    /// - Returns: what the catalogue's ids are.
    func start(_ catalogue: SeedFile) async throws -> Seeder.Report {
        try await stack.requireFreePorts(workers: Self.workers)
        let report = try await prepare(catalogue)
        for worker in Self.workers {
            try await stack.startWorker(worker)
            say("\(worker) is up")
        }
        try await stack.startIngress()
        say("the ingress is up on \(stack.endpoints.baseURL)")
        return report
    }

    /// Brings up what the product's processes stand on, and loads a catalogue.
    /// - Returns: what the catalogue's ids are.
    func prepare(_ catalogue: SeedFile) async throws -> Seeder.Report {
        say("starting Redis, PostgreSQL, the broker and the payment simulator")
        try await stack.startServices()
        let made = try await Connections.database(settings) { try await Migrator(database: $0).up() }
        say(made.isEmpty ? "schema up to date" : "schema: \(made.map(\.title).joined(separator: ", "))")
        let changes = try await TopicsCommand.apply(bootstrapServers: stack.endpoints.kafkaBootstrapServers)
        say(changes.isEmpty ? "topics up to date" : "topics: \(changes.count) changes")
        let report = try await Connections.database(settings) { database in
            try await Connections.redis(settings) { redis in
                try await Seeder(database: database, engine: BookingEngine(redis: redis)).load(catalogue)
            }
        }
        say("catalogue: \(report.events.count) events")
        return report
    }

    /// A development token of a new user.
    func token(role: AccessToken.Role = .user, lifetime: Duration = .seconds(86_400), age: Int64? = 30) async throws -> String {
        try await Connections.tokens(settings).sign(Token.token(user: Token.newUser(), role: role, age: age, lifetime: lifetime))
    }
}
