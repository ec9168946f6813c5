import BookingEngine
import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import LocalStack
import Logging
import RedisClient
import Testing
import Topics
import WorkerRuntime

@testable import QueueRelease

/// A real Redis and broker with one event of a few places, and copies of the worker's rounds.
struct LineOffice {
    static var broker: String? { TestCluster.brokerBinary }

    let stack: LocalStack
    let redis: RedisClient
    let producer: KafkaProducer
    let admin: KafkaAdmin
    let publisher: OutboxPublisher
    let event: EventID = Self.id()
    let show: ShowID = Self.id()
    let zone: ZoneID = Self.id()
    let tenant: TenantID = Self.id()
    let logger = Logger(label: "test")
    var shard: Shard { Shard(of: event) }
    var engine: BookingEngine { BookingEngine(redis: redis) }

    static func id<Kind>() -> Identifier<Kind> { Identifier(UUIDBits(high: .random(in: .min ... .max), low: .random(in: .min ... .max))) }

    static func with(places: Int64, _ body: (LineOffice) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("line-\(UUID().uuidString)").path
        let office = try await LineOffice(directory)
        let publishing = Task { [publisher = office.publisher] in try await publisher.run() }
        let result: Result<Void, any Error>
        do {
            try await office.load(places)
            result = .success(try await body(office))
        } catch { result = .failure(error) }
        publishing.cancel()
        _ = await publishing.result
        await office.redis.shutdown()
        await office.producer.shutdown(flush: .seconds(1))
        await office.admin.shutdown()
        await office.stack.stop()
        try? FileManager.default.removeItem(atPath: directory)
        try result.get()
    }

    private init(_ directory: String) async throws {
        let binary = try #require(Self.broker)
        stack = try LocalStack(
            LocalStackConfiguration(directory: directory, binaries: URL(fileURLWithPath: binary).deletingLastPathComponent().path))
        try await stack.startRedis()
        try await stack.startBroker()
        let kafka = stack.endpoints.kafkaBootstrapServers
        redis = RedisClient(configuration: try RedisConfiguration(url: stack.endpoints.redisURL), logger: logger)
        try redis.start()
        producer = try KafkaProducer(configuration: KafkaProducerConfiguration(bootstrapServers: kafka, clientID: "test"), logger: logger)
        admin = try KafkaAdmin(configuration: KafkaAdminConfiguration(bootstrapServers: kafka, clientID: "test"), logger: logger)
        publisher = OutboxPublisher(producer: producer, redis: redis, logger: logger)
        _ = try await TopicApplier(catalogue: try TopicCatalogue.load()).apply(admin: admin)
    }

    private func load(_ places: Int64) async throws {
        let forEver = Timestamp(ms: 1 << 42)
        _ = try await engine.setZone(
            ZoneSettings(
                zone: zone, event: event, show: show, tenant: tenant, capacity: places, priceMinor: 1500, currency: "THB", maximumPerUser: 4,
                saleOpens: Timestamp(ms: 0), saleCloses: forEver, showEnds: forEver, minimumAge: 0, seats: []))
    }

    /// Puts people in line, and tells of it on the topic.
    func joined(_ count: Int) async throws -> [UserID] {
        var users: [UserID] = []
        for _ in 0..<count {
            let user: UserID = Self.id()
            guard case .joined(_, let entry?) = try await engine.joinQueue(.init(event: event, user: user, age: nil)) else {
                Issue.record("not joined")
                continue
            }
            publisher.publishWithoutWaiting([entry])
            users.append(user)
        }
        return users
    }

    /// One copy of the worker's rounds, until the task is cancelled.
    func copy(_ name: String) -> Task<Void, Never> {
        let rounds = QueueRounds(owner: name, engine: engine, publisher: publisher, logger: logger)
        return Task { try? await rounds.run() }
    }

    func count(_ status: QueueEntry.Status, of users: [UserID]) async throws -> Int {
        try await engine.queueEntries(event: event, users: users).count { $0?.status == status }
    }

    /// Waits until a condition holds, for a time.
    func eventually(within time: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws -> Bool {
        let limit = ContinuousClock.now + time
        while ContinuousClock.now < limit {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// Publishes what is in the outbox, as the sweeper would.
    func sweep() async throws {
        for element in try await redis.send(RedisCommand("XRANGE", Keys.outbox(shard), "-", "+")).elements ?? [] {
            guard let parts = element.elements, let id = parts.first?.text, let fields = parts.last?.elements, fields.count == 10,
                let type = fields[1].text.flatMap(MessageType.init(rawValue:)), let key = fields[3].text, let version = fields[5].text,
                let value = fields[9].bytes
            else { continue }
            _ = await publisher.publish(OutboxEntry(id: id, shard: shard, type: type, key: key, version: version, trace: "", value: value))
        }
    }

    func isOutboxEmpty() async throws -> Bool { try await redis.send(RedisCommand("XLEN", Keys.outbox(shard))).int == 0 }
}
