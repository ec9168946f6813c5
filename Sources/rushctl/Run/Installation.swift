import Authentication
import BookingEngine
import Fleet
import Foundation
import KafkaClient
import LocalStack
import Migrations
import Settings
import Topics

/// A whole local installation: services, schema, topics, catalogue, ingress and workers.
struct Installation {
    static let workers = ["inventory-sync", "expiry", "payment", "ops", "queue-release", "notification", "analytics", "audit"]

    let stack: LocalStack
    let settings: Settings
    private let fleet: FleetHost?
    private let workers: [String]
    private let say: @Sendable (String) -> Void

    /// - Parameters:
    ///   - fleet: how many copies of which workers; without it there is one of each of `workers`, and nobody restarts it.
    ///   - say: told each step in a few words.
    init(
        _ configuration: LocalStackConfiguration, fleet file: FleetFile? = nil, workers: [String] = Self.workers,
        say: @escaping @Sendable (String) -> Void
    ) throws {
        var configuration = configuration
        if let file { configuration.stopLimit = try file.plan().drain }
        stack = try LocalStack(configuration)
        let stack = stack
        fleet = try file.map { try FleetHost(file: $0, stack: stack) }
        self.workers = fleet?.supervisor.plan.workers.map(\.name) ?? workers
        settings = Settings([
            "DATABASE_URL": stack.endpoints.databaseURL, "REDIS_URL": stack.endpoints.redisURL,
            "KAFKA_BOOTSTRAP_SERVERS": stack.endpoints.kafkaBootstrapServers, "JWT_SECRET": stack.endpoints.jwtSecret,
            "PII_KEY": stack.endpoints.piiKey, "AUDIT_KEY": stack.endpoints.auditKey,
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
        try await stack.requireFreePorts(workers: workers)
        let report = try await prepare(catalogue)
        if let fleet {
            try await fleet.supervisor.start()
            say("the workers are up: \(fleet.supervisor.plan.workers.map { "\($0.name) \($0.minimum)" }.joined(separator: ", "))")
        } else {
            for worker in workers {
                try await stack.startWorker(worker)
                say("\(worker) is up")
            }
        }
        try await stack.startIngress()
        say("the ingress is up on \(stack.endpoints.baseURL)")
        return report
    }

    /// Keeps what was started running, until it is cancelled: the fleet follows its lag, and workers that crash are started again.
    /// - Throws: ``StopSignals/DeadChild`` for any other process that dies; without a fleet for a worker, too.
    func supervise() async throws {
        if let fleet { return try await fleet.run(endsWhenDown: false) }
        for await exit in stack.exits { throw StopSignals.DeadChild(exit: exit) }
    }

    /// Runs `body` on what was started, under ``supervise()``.
    func supervised<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await supervise()
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    /// Stops everything in order; the data stay.
    func stop() async {
        await fleet?.close()
        await stack.stop()
    }

    /// Brings up what the product's processes stand on, and loads a catalogue.
    /// - Returns: what the catalogue's ids are.
    func prepare(_ catalogue: SeedFile) async throws -> Seeder.Report {
        try stack.writeOperatorEnvironment()
        say("starting Redis, PostgreSQL, the broker, the payment simulator and the mail catcher")
        try await stack.startServices()
        let made = try await Connections.database(settings) { try await Migrator(database: $0).up() }
        say(made.isEmpty ? "schema up to date" : "schema: \(made.map(\.title).joined(separator: ", "))")
        let changes = try await TopicsCommand.apply(bootstrapServers: stack.endpoints.kafkaBootstrapServers)
        say(changes.isEmpty ? "topics up to date" : "topics: \(changes.count) changes")
        try await Rebuild.ensureTrusted(settings)
        let keys = try Connections.personalDataKeys(settings)
        let report = try await Connections.database(settings) { database in
            try await Connections.redis(settings) { redis in
                try await Seeder(database: database, engine: BookingEngine(redis: redis), keys: keys).load(catalogue)
            }
        }
        say("catalogue: \(report.events.count) events")
        return report
    }

    /// A development token of a person who can be written to; made when nobody has the address.
    func token(email: String) async throws -> String {
        let keys = try Connections.personalDataKeys(settings)
        let user = try await Connections.database(settings) { database in
            guard let keys else { throw SeedError("PII_KEY must be set") }
            return try await People(database: database, keys: keys).ensure(.init(email: email))
        }
        return try await Connections.tokens(settings).sign(Token.token(user: user, role: .user, age: 30, lifetime: .seconds(86_400)))
    }

    /// A development token of a new user.
    func token(role: AccessToken.Role = .user, lifetime: Duration = .seconds(86_400), age: Int64? = 30) async throws -> String {
        try await Connections.tokens(settings).sign(Token.token(user: Token.newUser(), role: role, age: age, lifetime: lifetime))
    }
}
