import BookingEngine
import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import LocalStack
import Logging
import Migrations
import PostgresClient
import Projections
import RedisClient
import Testing
import Topics

@testable import Recovery

/// One zone of a hundred places with a real Redis, PostgreSQL and broker behind it.
struct Office {
    static var broker: String? { TestCluster.brokerBinary }

    let stack: LocalStack
    let redis: RedisClient
    let database: PostgresClient
    let producer: KafkaProducer
    let admin: KafkaAdmin
    let recovery: Recovery
    private(set) var event: EventID = Self.id()
    private(set) var show: ShowID = Self.id()
    private(set) var zone: ZoneID = Self.id()
    private(set) var tenant: TenantID = Self.id()
    var shard: Shard { Shard(of: event) }
    var engine: BookingEngine { BookingEngine(redis: redis) }

    static func id<Kind>() -> Identifier<Kind> { Identifier(UUIDBits(high: .random(in: .min ... .max), low: .random(in: .min ... .max))) }

    /// - Parameter catalogue: a file of one zone that is loaded as an operator does it; without it there are rows alone.
    static func with(catalogue: String? = nil, _ body: (Office) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("recovery-\(UUID().uuidString)").path
        var office = try await Office(directory)
        let result: Result<Void, any Error>
        do {
            if let catalogue { try await office.seed(catalogue) } else { try await office.loadCatalogue() }
            result = .success(try await body(office))
        } catch { result = .failure(error) }
        await office.redis.shutdown()
        await office.database.shutdown()
        await office.producer.shutdown(flush: .seconds(1))
        await office.admin.shutdown()
        await office.stack.stop()
        try? FileManager.default.removeItem(atPath: directory)
        try result.get()
    }

    /// A client with patience: a disk that stands still for a second is none of these tests' business.
    static func redis(_ endpoints: Endpoints) throws -> RedisClient {
        var configuration = try RedisConfiguration(url: endpoints.redisURL)
        configuration.commandTimeout = .seconds(20)
        let redis = RedisClient(configuration: configuration, logger: Logger(label: "test"))
        try redis.start()
        return redis
    }

    private init(_ directory: String) async throws {
        let binary = try #require(Self.broker)
        let logger = Logger(label: "test")
        stack = try LocalStack(
            LocalStackConfiguration(directory: directory, binaries: URL(fileURLWithPath: binary).deletingLastPathComponent().path))
        try await stack.startRedis()
        try await stack.startPostgres()
        try await stack.startBroker()
        let kafka = stack.endpoints.kafkaBootstrapServers
        redis = try Self.redis(stack.endpoints)
        database = PostgresClient(configuration: try PostgresConfiguration(url: stack.endpoints.databaseURL, poolSize: 2), logger: logger)
        try database.start()
        producer = try KafkaProducer(configuration: KafkaProducerConfiguration(bootstrapServers: kafka, clientID: "test"), logger: logger)
        admin = try KafkaAdmin(configuration: KafkaAdminConfiguration(bootstrapServers: kafka, clientID: "test"), logger: logger)
        recovery = Recovery(owner: "test", redis: redis, database: database, admin: admin, bootstrapServers: kafka, logger: logger)
        _ = try await redis.send(RedisCommand("PING"))
        _ = try await Migrator(database: database).up()
        _ = try await TopicApplier(catalogue: try TopicCatalogue.load()).apply(admin: admin)
    }

    private func loadCatalogue() async throws {
        try await database.withConnection { [event, show, zone, tenant] connection in
            try connection.execute(
                script: """
                    INSERT INTO tenants (id, slug, name) VALUES ('\(tenant)', 'test', 'Test');
                    INSERT INTO events (id, tenant_id, slug, title, status, max_tickets_per_user, sale_opens_at)
                        VALUES ('\(event)', '\(tenant)', 'test', 'Test', 'published', 100, now() - interval '1 hour');
                    INSERT INTO shows (id, tenant_id, event_id, starts_at, ends_at, sale_closes_at)
                        VALUES ('\(show)', '\(tenant)', '\(event)', now() + interval '9 days', now() + interval '10 days', now() + interval '8 days');
                    INSERT INTO seat_zones (id, tenant_id, event_id, show_id, name, price_minor, currency, seating, capacity, available)
                        VALUES ('\(zone)', '\(tenant)', '\(event)', '\(show)', 'Floor', 1500, 'THB', 'general', 100, 100);
                    """)
        }
    }

    /// Where the catalogue is that was loaded from a file.
    var catalogue: String { "\(stack.configuration.directory)/catalogue.json" }

    private mutating func seed(_ file: String) async throws {
        try file.write(toFile: catalogue, atomically: true, encoding: .utf8)
        try await rushctl("seed", "--file", catalogue)
        let row = try await database.query("SELECT id, show_id, event_id, tenant_id FROM seat_zones")[0]
        zone = try #require(ZoneID(try row.string("id")))
        show = try #require(ShowID(try row.string("show_id")))
        event = try #require(EventID(try row.string("event_id")))
        tenant = try #require(TenantID(try row.string("tenant_id")))
    }

    /// Runs `rushctl` as an operator of these stores.
    func rushctl(_ arguments: String...) async throws {
        let program = URL(fileURLWithPath: try #require(Self.broker)).deletingLastPathComponent().appendingPathComponent("rushctl").path
        let environment = [
            "DATABASE_URL": stack.endpoints.databaseURL, "REDIS_URL": stack.endpoints.redisURL,
            "KAFKA_BOOTSTRAP_SERVERS": stack.endpoints.kafkaBootstrapServers, "PATH": "/usr/bin:/bin",
        ]
        let status = try await stack.run(program, arguments, environment: environment, log: "rushctl", limit: .seconds(60))
        let said = (try? String(contentsOfFile: stack.logPath(of: Component("rushctl")), encoding: .utf8)) ?? ""
        try #require(status == .code(0), "rushctl \(arguments.joined(separator: " ")): \(status)\n\(said)")
    }

    /// Drops the database, whoever is connected to it.
    func dropDatabase() async throws { try await asOwner("DROP DATABASE", "WITH (FORCE)") }

    func createDatabase() async throws { try await asOwner("CREATE DATABASE") }

    private func asOwner(_ command: String, _ options: String = "") async throws {
        let name = URL(fileURLWithPath: stack.endpoints.databaseURL).lastPathComponent
        let server = String(stack.endpoints.databaseURL.dropLast(name.count)) + "postgres"
        let status = try await stack.run(
            "/usr/lib/postgresql/15/bin/psql", ["-X", "-d", server, "-c", "\(command) \(name) \(options)"],
            environment: ["PATH": "/usr/bin:/bin"], log: "psql", limit: .seconds(20))
        try #require(status == .code(0))
    }

    /// The zone, as a seed would load it.
    var settings: ZoneSettings {
        get async throws { try #require(try await Catalogue(database: database).zones().first) }
    }

    @discardableResult
    func recover() async throws -> RecoveryReport { try await recovery.run() }

    /// Waits until the client has met the Redis that runs now.
    func reconnected() async throws {
        let limit = ContinuousClock.now + .seconds(10)
        while (try? await redis.send(RedisCommand("PING"))) == nil, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(20)) }
    }

    func writeMark() async throws {
        let text = Mark(try await admin.offsets(topic: Topic.bookingEvents.name).mapValues(\.high)).text
        _ = try await redis.pipeline(Shard.all.map { RedisCommand("SET", Keys.mark($0), text) })
    }

    func reserveUnpublished(_ count: Int) async throws -> ([BookingID], [OutboxEntry]) {
        var bookings: [BookingID] = []
        var entries: [OutboxEntry] = []
        for _ in 0..<count {
            let json = #"{"event_id":"\#(event)","show_id":"\#(show)","zone_id":"\#(zone)","quantity":1}"#
            let request = try ReserveRequest(json: Array(json.utf8))
            let context = BookingEngine.ReserveContext(
                user: Self.id(), idempotencyKey: UUID().uuidString, bodyHash: "00", trace: "", age: nil)
            let engine = engine
            let booking = BookingID.make(nowMs: BookingEngine.wallClockMs(), shard: shard)
            let outcome = try await withUnsafeContinuation { continuation in
                engine.reserve(request, context, booking: booking) { continuation.resume(returning: $0) }
            }.get().outcome
            guard case .reserved(_, let entry?) = outcome else { throw RecoveryError(.incomplete, "\(outcome)") }
            bookings.append(booking)
            entries.append(entry)
        }
        return (bookings, entries)
    }

    func reserve(_ count: Int) async throws -> [BookingID] {
        let (bookings, entries) = try await reserveUnpublished(count)
        try await publish(entries)
        return bookings
    }

    /// Reserves, pays and confirms.
    func sell(_ count: Int) async throws -> [BookingID] {
        let bookings = try await reserve(count)
        var entries: [OutboxEntry] = []
        for booking in try await engine.bookings(bookings.map { ($0, shard) }).compactMap({ $0 }) {
            let start = BookingEngine.PaymentStart(
                payment: .make(nowMs: BookingEngine.wallClockMs(), shard: shard), booking: booking.id, shard: shard, user: booking.user,
                method: .card, token: "tok_visa", operation: nil, idempotency: nil, trace: "")
            guard case .begun(let payment, _, let begun) = try await engine.beginPayment(start),
                case .confirmed(let sale) = try await engine.confirm([.init(payment: payment.stepped(to: .success, at: .now), trace: "")])[0].get()
            else { throw RecoveryError(.incomplete, "booking \(booking.id) was not sold") }
            entries += begun + [sale]
        }
        try await publish(entries)
        return bookings
    }

    func publish(_ entries: [OutboxEntry]) async throws {
        for result in await producer.send(entries.map(\.record)) { _ = try result.get() }
    }

    func publish(_ records: [KafkaRecord]) async throws {
        for result in await producer.send(records) { _ = try result.get() }
    }

    /// All records of booking.events, ready to be produced again.
    func events() async throws -> [KafkaRecord] {
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (partition, kept) in try await admin.offsets(topic: Topic.bookingEvents.name) {
            ranges[KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: partition)] = kept.low..<kept.high
        }
        let reader = try KafkaRangeReader(
            bootstrapServers: stack.endpoints.kafkaBootstrapServers, clientID: "test", ranges: ranges, logger: Logger(label: "test"))
        var records: [KafkaRecord] = []
        while let messages = try await reader.next(max: 1_000) {
            records += messages.map {
                KafkaRecord(topic: $0.topic, partition: nil, key: $0.key, value: $0.value, headers: $0.headers, timestampMs: nil)
            }
        }
        await reader.close()
        return records
    }

    /// What PostgreSQL says of the zone.
    func reportedHeld() async throws -> Int64 {
        try await database.query("SELECT held FROM seat_zones WHERE id = $1::uuid", [.text(zone.description)])[0].int64("held")
    }

    /// A hash of what PostgreSQL says of bookings and zones, but for the times of writing.
    func reported() async throws -> String {
        try await database.query(
            """
            SELECT md5((SELECT coalesce(string_agg(b::text, ',' ORDER BY id), '') FROM bookings b)
                || (SELECT string_agg(concat_ws(' ', id, capacity, available, held, sold, counts_version), ',' ORDER BY id) FROM seat_zones)) AS hash
            """)[0].string("hash")
    }

    func cancel(_ bookings: [BookingID]) async throws {
        var entries: [OutboxEntry] = []
        for result in try await engine.release(bookings.map { .init(booking: $0, shard: shard, status: .cancelled, by: "test") }) {
            if case .released(let entry) = try result.get() { entries.append(entry) }
        }
        try await publish(entries)
    }

    /// Writes to PostgreSQL what booking.events say so far, as inventory-sync does.
    func project() async throws {
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (partition, kept) in try await admin.offsets(topic: Topic.bookingEvents.name) {
            ranges[KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: partition)] = kept.low..<kept.high
        }
        let reader = try KafkaRangeReader(
            bootstrapServers: stack.endpoints.kafkaBootstrapServers, clientID: "test", ranges: ranges, logger: Logger(label: "test"))
        let projection = BookingProjection()
        while let messages = try await reader.next(max: 1_000) {
            let events = try messages.map { try projection.decode($0) }
            try await database.transaction { try projection.write(events, to: $0) }
        }
        await reader.close()
        let next = ranges.mapValues(\.upperBound)
        try await database.transaction { try ProjectionOffsets(group: Recovery.projection).note(next, on: $0) }
    }

    /// What a recovery has to give back.
    struct Picture: Equatable {
        var bookings: [Booking]
        var available: Int64
        var held: Int64
        var due: Int64
    }

    func picture(_ bookings: [BookingID]) async throws -> Picture {
        let counts = try await engine.zoneCounts([(zone, shard)])[0]
        let due = try await redis.send(RedisCommand("ZCARD", Keys.due(shard))).int
        return Picture(
            bookings: try await engine.bookings(bookings.map { ($0, shard) }).compactMap { $0 }, available: counts?.available ?? -1,
            held: counts?.held ?? -1, due: due ?? -1)
    }
}
