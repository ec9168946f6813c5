import Foundation
public import LocalStack

/// A whole installation of its own, in a temporary folder and on free ports: stores, broker, ingress and workers as real processes.
///
/// Tests drive it from outside: over HTTP, with `rushctl`, and by looking into PostgreSQL with `psql`.
public final class Installation: Sendable {
    /// Set to anything, it keeps the folder with its logs and data.
    public static let keepVariable = "BOOKING_RUSH_KEEP"
    /// The workers that every installation runs.
    public static let workers = ["inventory-sync", "expiry", "payment", "ops", "queue-release", "analytics", "audit"]
    /// Set for the tests of a suite with ``InstallationTrait``.
    @TaskLocal public static var current: Installation?

    /// The processes.
    public let stack: LocalStack
    private let binaries: String
    private let directory: String
    private let database: String
    private let users: UserPool
    private let ownWorkers: [String]
    private let satellites = Satellites()

    /// The installation of the running suite.
    /// - Throws: ``TestFailure`` outside of a suite that has one.
    public static func running() throws -> Installation {
        guard let current else { throw TestFailure("this suite has no installation; give it the trait") }
        return current
    }

    /// Brings everything up (stores beside each other, schema and topics, then workers and the ingress), runs `body`, takes everything
    /// down and removes the folder, unless ``keepVariable`` is set.
    /// - Parameters:
    ///   - workers: the workers that it starts itself, one copy each.
    ///   - simulatorOptions: further options of the payment simulator.
    public static func with(
        holdSeconds: Int = 600, workers: [String] = workers, simulatorOptions: [String] = [], _ body: (Installation) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-\(UUID().uuidString)").path
        var failure: (any Error)?
        do {
            let installation = try Installation(
                directory: directory, holdSeconds: holdSeconds, workers: workers, simulatorOptions: simulatorOptions)
            try await run(installation, body)
        } catch {
            failure = error
        }
        if ProcessInfo.processInfo.environment[keepVariable] == nil {
            // The folder is in use until the last reference to the installation is gone.
            _ = try? await waitUntil("\(directory) can be removed", limit: .seconds(5)) { (try? LocalStack.erase(directory: directory)) != nil }
        } else {
            print("kept: \(directory)")
        }
        if let failure { throw failure }
    }

    private static func run(_ installation: Installation, _ body: (Installation) async throws -> Void) async throws {
        do {
            try await installation.bringUp()
            try await $current.withValue(installation) { try await body(installation) }
            await installation.stop()
        } catch {
            await installation.stop()
            throw error
        }
    }

    private init(directory: String, holdSeconds: Int, workers: [String], simulatorOptions: [String]) throws {
        ownWorkers = workers
        binaries = try Binaries.folder()
        self.directory = directory
        var configuration = LocalStackConfiguration(directory: directory, binaries: binaries)
        configuration.holdSeconds = holdSeconds
        configuration.simulatorOptions = simulatorOptions
        // Tests speak from one address and stand for many.
        configuration.environment["TRUSTED_PROXIES"] = HTTPProbe.host
        // A test that comes with a rush means to meet the stock, not the waiting room.
        configuration.programEnvironment["queue-release"] = ["QUEUE_AUTOMATIC_RATE": "0"]
        configuration.redisMaxMemory = "1gb"
        let stack = try LocalStack(configuration)
        self.stack = stack
        database = stack.endpoints.databaseURL
        let (program, environment) = ("\(binaries)/rushctl", try Self.toolEnvironment(stack))
        users = UserPool { arguments in
            let output = try await Command.run(program, arguments, environment: environment)
            guard output.status == 0 else { throw TestFailure("rushctl token: \(output.errors)") }
            return output.text
        }
    }

    private func bringUp() async throws {
        try await stack.startServices()
        try await rushctl("migrate", "up")
        try await rushctl("topics", "apply")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in ownWorkers { group.addTask { try await self.stack.startWorker(worker) } }
            group.addTask { try await self.stack.startIngress() }
            try await group.waitForAll()
        }
    }

    /// Takes everything down; the data stay.
    public func stop() async {
        await satellites.stop()
        await stack.stop()
    }

    /// One more ingress on the same stores, with settings of its own: how long its holds last, or any variable. Asked for again with
    /// the same settings, it is the same one. It is stopped with the installation.
    /// - Returns: a client of it, without a user.
    public func ingress(holdSeconds: Int, environment: [String: String] = [:]) async throws -> HTTPProbe {
        var configuration = LocalStackConfiguration(
            directory: "\(directory)/ingress-\(UUID().uuidString)", binaries: binaries,
            external: .init(
                kafkaBootstrapServers: stack.endpoints.kafkaBootstrapServers, redisURL: stack.endpoints.redisURL,
                databaseURL: stack.endpoints.databaseURL, paymentGatewayURL: stack.endpoints.paymentGatewayURL))
        configuration.holdSeconds = holdSeconds
        configuration.environment = stack.configuration.environment.merging(environment) { $1 }
        configuration.environment["JWT_SECRET"] = stack.endpoints.jwtSecret
        configuration.environment["TICKET_SECRET"] = stack.endpoints.ticketSecret
        configuration.environment["PAYMENT_GATEWAY_KEY"] = stack.endpoints.paymentGatewayKey
        configuration.environment["PAYMENT_WEBHOOK_SECRET"] = stack.endpoints.paymentWebhookSecret
        return try await satellites.start(configuration)
    }

    // MARK: Tools

    /// Runs `rushctl` on this installation.
    /// - Returns: what it printed.
    /// - Throws: ``TestFailure`` when it fails.
    @discardableResult
    public func rushctl(_ arguments: String..., limit: Duration = .seconds(120)) async throws -> String {
        let output = try await run(arguments, limit: limit)
        guard output.status == 0 else { throw TestFailure("rushctl \(arguments.joined(separator: " ")): \(output.status)\n\(output.errors)") }
        return output.text
    }

    /// Runs `rushctl` on this installation, to see what becomes of it.
    public func run(_ arguments: [String], limit: Duration = .seconds(120)) async throws -> Command.Output {
        try await Command.run("\(binaries)/rushctl", arguments, environment: try Self.toolEnvironment(stack), limit: limit)
    }

    /// What `rushctl` is told of this installation.
    public static func toolEnvironment(_ stack: LocalStack) throws -> [String: String] {
        let all = try stack.environment(for: Component("rushctl"))
        return all.filter {
            [
                "DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "JWT_SECRET", "PII_KEY", "AUDIT_KEY", "PAYMENT_GATEWAY_URL",
                "PAYMENT_GATEWAY_KEY",
            ].contains($0.key)
        }
    }

    /// Loads one event.
    public func seed(_ plan: EventPlan) async throws -> Event {
        let file = "\(directory)/\(plan.slug).json"
        try plan.file.write(to: URL(fileURLWithPath: file))
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(try await rushctl("seed", "--file", file, "--json").utf8))
        let (event, show) = (json["events"][0], json["events"][0]["shows"][0])
        guard let id = event["event_id"].string, let showID = show["show_id"].string else { throw TestFailure("rushctl seed printed \(json)") }
        let zones = try plan.zones.map { wanted in
            guard let zone = show["zones"].array?.first(where: { $0["name"].string == wanted.name }), let zoneID = zone["zone_id"].string,
                zone["capacity"].int == wanted.capacity
            else { throw TestFailure("rushctl seed did not load zone \(wanted.name): \(json)") }
            return Event.Zone(
                id: zoneID, event: id, show: showID, name: wanted.name, capacity: wanted.capacity,
                seats: (zone["seat_ids"].array ?? []).compactMap(\.string))
        }
        return Event(id: id, slug: plan.slug, show: showID, zones: zones)
    }

    /// Users that no test had before.
    public func users(_ count: Int) async throws -> [User] { try await users.take(count) }

    /// A client of the first ingress for one new user.
    public func client() async throws -> Client { Client(user: try await users.take(1)[0], probe: try stack.probe()) }

    /// Clients of the first ingress, each of a new user.
    public func clients(_ count: Int) async throws -> [Client] {
        let probe = try stack.probe()
        return try await users.take(count).map { Client(user: $0, probe: probe) }
    }

    /// A client without a user, who comes from an address that nobody else has.
    public func anonymous() throws -> HTTPProbe {
        var probe = try stack.probe()
        let address = (0..<3).map { _ in String(Int.random(in: 1...254)) }.joined(separator: ".")
        probe.headers.append(("X-Forwarded-For", "10.\(address)"))
        return probe
    }

    /// How many places of a zone are free, as the public catalogue says.
    public func available(_ zone: Event.Zone) async throws -> Int {
        let answer = try await anonymous().get("/api/v1/shows/\(zone.show)/zones")
        guard let row = answer.json["data"].array?.first(where: { $0["id"].string == zone.id }), let available = row["available"].int else {
            throw TestFailure("no availability of zone \(zone.id): \(answer.status) \(answer.text)")
        }
        return available
    }

    // MARK: Looking behind it

    /// Asks PostgreSQL.
    /// - Returns: rows of fields, as text.
    public func psql(_ statement: String) async throws -> [[String]] {
        let output = try await Command.run(
            "/usr/lib/postgresql/15/bin/psql", ["-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement],
            environment: [:], limit: .seconds(60))
        guard output.status == 0 else { throw TestFailure("psql: \(output.errors)") }
        return output.text.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }

    /// What `rushctl inventory check` found.
    public struct InventoryVerdict: Sendable {
        /// All that was checked holds, at rest.
        public let holds: Bool
        /// Its report, for the failure.
        public let report: String
    }

    /// Waits for rest, then checks the invariants.
    /// - Parameter wait: how long rest may take, in seconds.
    public func checkInventory(wait: Int = 60) async throws -> InventoryVerdict {
        let output = try await run(["inventory", "check", "--json", "--wait", String(wait)], limit: .seconds(wait + 120))
        let json = (try? JSONDecoder().decode(JSONValue.self, from: Data(output.text.utf8))) ?? .null
        return InventoryVerdict(
            holds: output.status == 0 && json["ok"].bool == true && json["at_rest"].bool == true,
            report: "exit code \(output.status)\n\(output.text)\(output.errors)")
    }
}
