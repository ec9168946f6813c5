import Domain
import Foundation
import KafkaClient
import KafkaTestSupport
import LocalStack
import Migrations
import PostgresClient
import Testing
import Topics

@testable import Analytics

/// The worker as a process, killed as a power cut would, against a broker and a database of its own.
@Suite(.serialized, .enabled(if: Site.binaries != nil), .timeLimit(.minutes(4)))
struct AnalyticsWorkerTests {
    @Test func copiesThatAreKilledCountEachMessageOnce() async throws {
        try await Site.with { site in
            let messages = Story(start: WallClock.nowMs() - 600_000).messages(1_500)
            // A third comes twice, and nothing in order.
            let sent = (messages + messages.prefix(messages.count / 3)).shuffled()
            for copy in 1...3 { try await site.stack.startCopy(.worker("analytics", copy: copy), environment: ["ANALYTICS_BATCH": "200"]) }
            let sending = Task {
                for begin in stride(from: 0, to: sent.count, by: 500) {
                    try await site.send(Array(sent[begin..<min(begin + 500, sent.count)]))
                    try await Task.sleep(for: .milliseconds(300))
                }
            }
            for round in 0..<8 {
                try await Task.sleep(for: .milliseconds(Int.random(in: 200...900)))
                let copy = Component.worker("analytics", copy: round % 3 + 1)
                try await site.stack.kill(copy)
                try await site.stack.startCopy(copy, environment: ["ANALYTICS_BATCH": "200"])
            }
            try await sending.value
            let report = try await site.settled()
            #expect(report.ok, "\(report.samples)")
            #expect(report.read == Int64(sent.count))
            #expect(report.copies == Int64(sent.count - messages.count))
            #expect(report.tables.first { $0.table == "events_raw" }?.found == messages.count)
            // By hand, apart from how the product counts.
            let sums = try await site.database.query(
                "SELECT sum(views) AS views, sum(reservations) AS reservations, sum(conversions) AS conversions, sum(revenue_minor) AS revenue FROM analytics_daily"
            )[0]
            #expect(try sums.int64("views") == 1_500 && sums.int64("reservations") == 1_500)
            #expect(try sums.int64("conversions") == 750 && sums.int64("revenue") == 750 * 500)
        }
    }

    @Test func aDatabaseThatGoesAwayIsWaitedForAndNothingIsLost() async throws {
        try await Site.with { site in
            let messages = Story(start: WallClock.nowMs() - 600_000).messages(400)
            try await site.stack.startWorker("analytics")
            try await site.send(Array(messages.prefix(800)))
            try await site.stack.kill(.postgres)
            try await site.send(Array(messages.dropFirst(800)))
            let probe = HTTPProbe(port: try site.stack.metricsPort(of: .worker("analytics")))
            #expect(await eventually(.seconds(30)) { (try? await probe.get("/ready"))?.status == 503 })
            try await site.stack.startPostgres()
            let report = try await site.settled()
            #expect(report.ok && report.tables.first?.found == messages.count, "\(report.samples)")
            let letters = try await site.admin.offsets(topic: Topic.analyticsDeadLetters.name).values.reduce(0) { $0 + $1.high }
            #expect(letters == 0)
        }
    }

    @Test func whatCannotBeReadGoesToTheDLQAndNobodyWaitsForIt() async throws {
        try await Site.with { site in
            let messages = Story(start: WallClock.nowMs()).messages(50)
            let broken = Story.message(.bookingEvents, id: "broken", type: "booking.created.v1", "{}")
            try await site.send([broken] + messages)
            try await site.stack.startWorker("analytics")
            let report = try await site.settled()
            #expect(report.ok && report.unreadable == 1)
            let letters = try await site.admin.offsets(topic: Topic.analyticsDeadLetters.name).values.reduce(0) { $0 + $1.high }
            #expect(letters == 1)
        }
    }

    @Test func aCheckFindsWhatIsWrong() async throws {
        try await Site.with { site in
            let messages = Story(start: WallClock.nowMs() - 60_000).messages(60)
            try await site.send(messages)
            try await site.stack.startWorker("analytics")
            #expect(try await site.settled().ok)
            _ = await site.stack.stop(.worker("analytics"))
            try await site.database.withConnection {
                try $0.execute(
                    script: """
                        DELETE FROM events_raw WHERE id = (SELECT min(id) FROM events_raw);
                        UPDATE events_raw SET amount_minor = amount_minor + 1 WHERE id = (SELECT max(id) FROM events_raw);
                        UPDATE analytics_daily SET views = views + 1 WHERE currency = '';
                        DELETE FROM analytics_realtime WHERE currency = 'EUR';
                        """)
            }
            let report = try await site.settled()
            #expect(!report.ok)
            let tables = Dictionary(uniqueKeysWithValues: report.tables.map { ($0.table, $0) })
            #expect(tables["events_raw"]?.missing == 1 && tables["events_raw"]?.different == 1)
            #expect(tables["analytics_daily"]?.different == 3)
            #expect((tables["analytics_realtime"]?.missing ?? 0) > 0)
            #expect(!report.samples.isEmpty)
        }
    }
}

/// A broker, a database and the topics that analytics reads, each of one test's own.
struct Site: Sendable {
    let stack: LocalStack
    let database: PostgresClient
    let admin: KafkaAdmin
    let producer: KafkaProducer

    /// The folder with the programs, where the build put them.
    static let binaries: String? = TestCluster.brokerBinary.flatMap { broker in
        let folder = URL(fileURLWithPath: broker).deletingLastPathComponent().path
        return FileManager.default.isExecutableFile(atPath: "\(folder)/analytics") ? folder : nil
    }

    static func with(_ body: (Site) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("analytics-\(UUID().uuidString)").path
        let stack = try LocalStack(LocalStackConfiguration(directory: directory, binaries: binaries ?? "/nonexistent"))
        do {
            try await stack.startPostgres()
            try await stack.startBroker()
            let site = try await Site(stack)
            try await body(site)
            await site.database.shutdown()
            await site.admin.shutdown()
            await site.producer.shutdown(flush: .zero)
        } catch {
            await stack.stop()
            try? FileManager.default.removeItem(atPath: directory)
            throw error
        }
        await stack.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private init(_ stack: LocalStack) async throws {
        self.stack = stack
        database = try Laboratory.client(stack.endpoints.databaseURL)
        _ = try await Migrator(database: database).up()
        let bootstrap = stack.endpoints.kafkaBootstrapServers
        let admin = try KafkaAdmin(configuration: KafkaAdminConfiguration(bootstrapServers: bootstrap, clientID: "test"), logger: .quiet)
        self.admin = admin
        _ = await eventually { (try? await admin.brokerCount()) == 1 }
        for topic in AnalyticsTopics.all + [.analyticsDeadLetters, .analyticsRedrives] {
            try await admin.createTopic(topic.name, partitions: 4, configs: TestCluster.keepsAll)
        }
        producer = try KafkaProducer(configuration: KafkaProducerConfiguration(bootstrapServers: bootstrap, clientID: "test"), logger: .quiet)
    }

    func send(_ messages: [KafkaMessage]) async throws {
        for result in await producer.send(messages.map(\.record)) { _ = try result.get() }
    }

    /// Waits until all is counted, and compares.
    func settled() async throws -> AnalyticsReport {
        let check = AnalyticsCheck(database: database, bootstrapServers: stack.endpoints.kafkaBootstrapServers, logger: .quiet)
        let atRest = await eventually(.seconds(60)) { (try? await check.behind()) == 0 }
        #expect(atRest)
        return try await check.run(now: Timestamp(ms: WallClock.nowMs()))
    }
}
