import AuditLog
import Domain
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

@testable import AuditWorker

/// The worker on a real broker and a real PostgreSQL.
@Suite struct WorkerTests {
    /// The handler, with something that goes wrong.
    private struct Faulty: BatchHandler {
        let handler: AuditHandler
        let before: @Sendable () async throws -> Void
        let after: @Sendable () async throws -> Void

        func decode(_ message: KafkaMessage) throws -> AuditRecord? { try handler.decode(message) }

        func apply(_ items: [BatchItem<AuditRecord>]) async throws -> [Refusal] {
            try await before()
            let refusals = try await handler.apply(items)
            try await after()
            return refusals
        }
    }

    private struct Copy {
        let group: ServiceGroup
        let task: Task<Void, any Error>

        func stop() async throws {
            await group.triggerGracefulShutdown()
            try await task.value
        }
    }

    private func start(
        _ cluster: TestCluster, _ archive: Archive, _ producer: KafkaProducer, before: @escaping @Sendable () async throws -> Void = {},
        after: @escaping @Sendable () async throws -> Void = {}
    ) throws -> Copy {
        var configuration = WorkerConfiguration(
            name: AuditWorker.group, group: AuditWorker.group, topics: [.auditEvents, .bookingEvents, .paymentEvents],
            bootstrapServers: cluster.bootstrap)
        configuration.retryDelays = [.milliseconds(20), .milliseconds(40)]
        configuration.outageBackoff = .milliseconds(20) ... .milliseconds(100)
        configuration.window = .milliseconds(20)
        configuration.maxMessages = 100
        let worker = try Worker(
            configuration: configuration,
            handler: Faulty(handler: AuditHandler(writer: archive.writer, database: archive.worker), before: before, after: after),
            producer: producer, registry: PrometheusRegistry(), logger: .quiet)
        let group = ServiceGroup(services: [worker], logger: .quiet)
        return Copy(group: group, task: Task { try await group.run() })
    }

    private func with(_ body: (TestCluster, Archive, KafkaProducer) async throws -> Void) async throws {
        let cluster = try TestCluster()
        let admin = try cluster.admin()
        _ = await eventually { (try? await admin.brokerCount()) == 1 }
        _ = try await TopicApplier(catalogue: .load()).apply(admin: admin)
        await admin.shutdown()
        let producer = try cluster.producer()
        do {
            try await Archive.with { try await body(cluster, $0, producer) }
        } catch {
            await producer.shutdown(flush: .seconds(2))
            cluster.broker?.kill()
            throw error
        }
        await producer.shutdown(flush: .seconds(2))
        cluster.broker?.kill()
    }

    private func record(_ message: KafkaMessage) -> KafkaRecord {
        KafkaRecord(topic: message.topic, key: message.key, value: message.value, headers: message.headers, timestampMs: message.timestampMs)
    }

    private func send(_ records: [KafkaRecord], _ producer: KafkaProducer) async throws {
        for result in await producer.send(records) { _ = try result.get() }
    }

    private func committed(_ cluster: TestCluster) async throws -> Int64 {
        let admin = try cluster.admin()
        let offsets = try await admin.committedOffsets(group: AuditWorker.group)
        await admin.shutdown()
        return offsets.values.reduce(0, +)
    }

    @Test func whatIsOnTheTopicsIsInTheAuditOnce() async throws {
        try await with { cluster, archive, producer in
            let id = Archive.newBooking()
            try await send((0..<500).map { record(Archive.entry($0)) }, producer)
            try await send(
                (1...3).map { record(Archive.booking(id, version: $0, "reserved", type: "booking.updated.v1", offset: 0)) }, producer)
            // Poison beside it goes to the DLQ and holds nothing up.
            try await send(
                [KafkaRecord(topic: "audit.events", key: Array("k".utf8), value: Array("not json".utf8), headers: [], timestampMs: 1)], producer)
            let copy = try start(cluster, archive, producer)
            let all = try await eventually(.seconds(30)) { try await committed(cluster) == 504 }
            #expect(all)
            try await copy.stop()
            #expect(try await archive.count("audit_logs") == 503)
            let report = try await archive.verifier.verify()
            #expect(report.holds, "\(report.broken)")
            let reader = try cluster.reader()
            let dead = try await reader.endOffsets(topic: Topic.auditDeadLetters.name)
            await reader.close()
            #expect(dead.values.reduce(0, +) == 1)
        }
    }

    @Test func crashesBeforeAndAfterTheCommitLoseAndDoubleNothing() async throws {
        try await with { cluster, archive, producer in
            try await send((0..<1_000).map { record(Archive.entry($0)) }, producer)
            struct Crash: Error, ClassifiedError {
                var failure: Failure { Failure(.fatal, label: "crash", message: "crash") }
            }
            // The transaction is done, and its offsets are not committed; then it does not even begin; both end the process.
            for number in 0..<4 {
                let calls = Mutex(0)
                let crash: @Sendable () async throws -> Void = {
                    let call = calls.withLock { calls in
                        calls += 1
                        return calls
                    }
                    if call == 2 { throw Crash() }
                }
                let copy =
                    number.isMultiple(of: 2)
                    ? try start(cluster, archive, producer, after: crash) : try start(cluster, archive, producer, before: crash)
                _ = try? await copy.task.value
            }
            let copy = try start(cluster, archive, producer)
            let all = try await eventually(.seconds(40)) { try await committed(cluster) == 1_000 }
            #expect(all)
            try await copy.stop()
            #expect(try await archive.count("audit_logs") == 1_000)
            let report = try await archive.verifier.verify()
            #expect(report.holds, "\(report.broken)")
        }
    }

    @Test func aGroupThatIsSetBackAddsNothing() async throws {
        try await with { cluster, archive, producer in
            try await send((0..<200).map { record(Archive.entry($0)) }, producer)
            var copy = try start(cluster, archive, producer)
            var all = try await eventually(.seconds(30)) { try await committed(cluster) == 200 }
            #expect(all)
            try await copy.stop()
            let before = try await archive.rows()
            let admin = try cluster.admin()
            let offsets = try await admin.committedOffsets(group: AuditWorker.group)
            try await admin.setOffsets(group: AuditWorker.group, offsets.mapValues { _ in 0 })
            await admin.shutdown()
            try await send([record(Archive.entry(200))], producer)
            copy = try start(cluster, archive, producer)
            all = try await eventually(.seconds(30)) { try await committed(cluster) == 201 }
            #expect(all)
            try await copy.stop()
            let after = try await archive.rows()
            #expect(after.count == 201 && Set(before).isSubset(of: after))
            // And of an audit that was lost it makes the same one.
            try await archive.tamper("DELETE FROM audit_logs; DELETE FROM audit_chains")
            #expect(try await archive.verifier.verify().chains == 0)
            let again = try cluster.admin()
            try await again.setOffsets(group: AuditWorker.group, offsets.mapValues { _ in 0 })
            await again.shutdown()
            copy = try start(cluster, archive, producer)
            all = try await eventually(.seconds(30)) { try await committed(cluster) == 201 }
            #expect(all)
            try await copy.stop()
            let refilled = try await archive.rows()
            #expect(refilled == after)
        }
    }
}
