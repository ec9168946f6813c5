import Domain
import Foundation
import HTTPTestSupport
import KafkaClient
import KafkaTestSupport
import Logging
import PostgresClient
import ServiceLifecycle
import Synchronization
import Telemetry
import Testing
import Topics
import WorkerRuntime

@testable import NotificationWorker

/// The worker on its topics: what is tried again, what is waited for, what is given up.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TopicTests {
    private static func quiet() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// Runs a copy of the worker over an office's parts.
    private static func run(_ office: BoxOffice, _ cluster: TestCluster, _ body: (KafkaProducer) async throws -> Void) async throws {
        let admin = try cluster.admin()
        _ = try await TopicApplier(catalogue: .load()).apply(admin: admin)
        await admin.shutdown()
        let producer = try cluster.producer()
        var configuration = WorkerConfiguration(
            name: NotificationWorker.group, group: NotificationWorker.group, topics: [.bookingEvents, .paymentEvents, .queueEvents],
            bootstrapServers: cluster.bootstrap)
        configuration.retryDelays = [.milliseconds(100), .milliseconds(100), .milliseconds(100)]
        configuration.ordersByKey = false
        configuration.outageBackoff = .milliseconds(50) ... .milliseconds(200)
        let worker = try Worker(
            configuration: configuration, handler: office.parts().handler, producer: producer, registry: PrometheusRegistry(), logger: quiet())
        let group = ServiceGroup(services: [worker], logger: quiet())
        let task = Task { try await group.run() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(producer))
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        _ = await task.result
        await producer.shutdown(flush: .seconds(2))
        try result.get()
    }

    private static func count(_ topic: Topic, _ cluster: TestCluster) async throws -> Int64 {
        let reader = try cluster.reader()
        let ends = try await reader.endOffsets(topic: topic.name)
        await reader.close()
        return ends.values.reduce(0, +)
    }

    @Test func laterGoesOverTheRetryTopicsAndABadAddressNowhere() async throws {
        try await BoxOffice.with { office in
            let cluster = try TestCluster()
            try await Self.run(office, cluster) { producer in
                for address in ["ann@example.com", "later-2@example.com", "bad@example.com", "later-99@example.com"] {
                    _ = try await producer.send(office.event(office.booking(of: try await office.person(address))))
                }
                try await eventually("all are decided", limit: .seconds(40)) {
                    Set(try await office.rows()) == [
                        "reserved failed bad_address 1", "reserved given_up send_later 4", "reserved sent - 1", "reserved sent - 3",
                    ]
                }
            }
            let (first, third, dead) = (
                try await Self.count(.notificationRetry1, cluster), try await Self.count(.notificationRetry3, cluster),
                try await Self.count(.notificationDeadLetters, cluster)
            )
            #expect(first == 2 && third == 1 && dead == 1)
        }
    }

    @Test func fullMailboxesHoldUpNobodyElse() async throws {
        try await BoxOffice.with { office in
            let cluster = try TestCluster()
            try await Self.run(office, cluster) { producer in
                for number in 0..<12 { _ = try await producer.send(office.turn(of: try await office.person("later-99-\(number)@example.com"))) }
                for number in 0..<3 { _ = try await producer.send(office.turn(of: try await office.person("u\(number)@example.com"))) }
                try await eventually("all are decided", limit: .seconds(40)) {
                    let rows = try await office.rows()
                    return rows.count { $0 == "queue_turn sent - 1" } == 3 && rows.count { $0 == "queue_turn given_up send_later 4" } == 12
                }
            }
        }
    }

    @Test func whatOurOwnSMSProviderRefusesUsStandsAmongTheDeadLettersAndIsSentFromThere() async throws {
        let isRefused = Mutex(true)
        let server = try ScriptedServer { _, _ in [.answer(isRefused.withLock { $0 } ? 401 : 204, "")] }
        let settings = [
            "SMS_WEBHOOK_URL": "\(server.url)/sms", "NOTIFICATION_WEBHOOK_SECRET": BoxOffice.webhookSecret, "WEBHOOK_ALLOW_PRIVATE": "true",
        ]
        try await BoxOffice.with(settings) { office in
            let cluster = try TestCluster()
            let record = office.turn(of: try await office.person("ann@example.com", phone: "+66812345678"))
            try await Self.run(office, cluster) { producer in
                _ = try await producer.send(record)
                try await eventually("it is given up", limit: .seconds(40)) {
                    try await office.rows() == ["queue_turn sent - 1", "queue_turn.sms given_up webhook_4xx 4"]
                }
                let dead = try await Self.count(.notificationDeadLetters, cluster)
                #expect(dead == 1)
                isRefused.withLock { $0 = false }
                // Sent anew, as by a redrive.
                _ = try await producer.send(record)
                try await eventually("the SMS is sent", limit: .seconds(40)) {
                    try await office.rows() == ["queue_turn sent - 1", "queue_turn.sms sent - 5"]
                }
            }
            let (third, dead) = (try await Self.count(.notificationRetry3, cluster), try await Self.count(.notificationDeadLetters, cluster))
            #expect(third == 1 && dead == 1)
            #expect(office.post.files.count == 1 && server.requests.count == 5)
        }
    }

    @Test func aServerThatIsDownIsWaitedForAndNothingIsGivenUp() async throws {
        try await BoxOffice.with { office in
            let cluster = try TestCluster()
            try await Self.run(office, cluster) { producer in
                let port = office.post.port
                office.post.close()
                for number in 0..<30 {
                    _ = try await producer.send(office.event(office.booking(of: try await office.person("u\(number)@example.com"))))
                }
                try await eventually("it was tried", limit: .seconds(20)) { try await office.rows().contains { $0.hasPrefix("reserved sending") } }
                try await Task.sleep(for: .milliseconds(500))
                let back = try await PostOffice(port: port)
                try await eventually("all have their mail", limit: .seconds(40)) {
                    try await office.rows().filter { $0.hasPrefix("reserved sent") }.count == 30
                }
                #expect(Set(back.files.map { $0.lastPathComponent.dropFirst(6) }).count == 30)
            }
            let (retries, dead) = (try await Self.count(.notificationRetry1, cluster), try await Self.count(.notificationDeadLetters, cluster))
            #expect(retries == 0 && dead == 0)
        }
    }
}
