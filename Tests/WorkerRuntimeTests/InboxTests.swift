import Domain
import Glibc
import KafkaClient
import KafkaTestSupport
import PostgresClient
import Synchronization
import Testing
import Topics

@testable import WorkerRuntime

/// The inbox in a real PostgreSQL: an effect is there once, whenever somebody dies.
@Suite(.enabled(if: TestCluster.brokerBinary != nil && TestPostgres.isInstalled), .timeLimit(.minutes(3)))
struct InboxTests {
    private static let group = "payment"
    private let tenant = TenantID(UUIDBits(high: 1, low: 2))

    /// Has the effect of a message (a row in `effects`) and notes it in the inbox, in one transaction.
    private func carryOut(_ delivery: Delivery, on database: PostgresClient) async throws -> [OutgoingMessage] {
        let derived = [follower(of: delivery)]
        let entry = Inbox.Entry(id: delivery.id, tenant: tenant, derived: derived)
        try await database.transaction { connection in
            guard try Inbox.record(connection, group: Self.group, [entry]).contains(entry.id) else { return }
            _ = try connection.query("INSERT INTO effects (id) VALUES ($1)", [.text(entry.id)])
        }
        return derived
    }

    /// Another id at each call, so that one that is made anew is told from one that is kept.
    private func follower(of delivery: Delivery) -> OutgoingMessage {
        OutgoingMessage(
            KafkaRecord(
                topic: Topic.paymentEvents.name, key: delivery.message.key, value: Array("{\"of\":\"\(delivery.id)\"}".utf8),
                headers: [KafkaHeader(name: "ce_id", text: "\(delivery.id)-\(UInt64.random(in: 0 ... .max))")]))
    }

    private func prepare(_ database: PostgresClient) async throws {
        try await database.withConnection { try $0.execute(script: "CREATE TABLE effects (id text NOT NULL)") }
    }

    private func effects(_ database: PostgresClient) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for row in try await database.query("SELECT id, count(*) AS n FROM effects GROUP BY id", []) {
            counts[try row.string("id")] = try row.int("n")
        }
        return counts
    }

    private func kept(_ database: PostgresClient) async throws -> Set<String> {
        let rows = try await database.query("SELECT message_id FROM inbox", [])
        return Set(try rows.map { try $0.string("message_id") })
    }

    @Test func whatFollowsIsSentAgainAfterADeathBeforeItsAcknowledgement() async throws {
        let postgres = try await TestPostgres()
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        // Nobody listens there: what follows never leaves the first copy.
        var settings = KafkaProducerConfiguration(bootstrapServers: "127.0.0.1:1", clientID: "cut-off")
        settings.messageTimeout = .milliseconds(200)
        let cutOff = try KafkaProducer(configuration: settings, logger: .quiet)
        try await postgres.with { database in
            try await prepare(database)
            let calls = Journal()
            let ids = Mutex<[String]>([])
            let first = try RunningWorker.payments(
                cluster, cutOff, inbox: Inbox(database: database, group: Self.group), { $0.shutdownLimit = .seconds(1) }
            ) { delivery in
                calls.add(delivery.id)
                let derived = try await self.carryOut(delivery, on: database)
                ids.withLock { $0 += derived.compactMap { $0.headers.text("ce_id") } }
                return .done(derived)
            }
            for result in await producer.send((0..<20).map { command("m\($0)") }) { _ = try result.get() }
            #expect(try await eventually(.seconds(20)) { try await effects(database).count == 20 })
            #expect(await eventually(.seconds(20)) { first.worker.status.phase == .paused })
            #expect(try await cluster.committed("payment") == 0)
            try await first.stop()
            let second = try RunningWorker.payments(cluster, producer, inbox: Inbox(database: database, group: Self.group)) { delivery in
                calls.add("again \(delivery.id)")
                return .done()
            }
            #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 20 })
            try await second.stop()
            #expect(calls.all.count == 20)
            #expect(calls.all.allSatisfy { !$0.hasPrefix("again") })
            #expect(try await effects(database).values.allSatisfy { $0 == 1 })
            let sent = try await cluster.everything(in: .paymentEvents)
            // With the ids that were kept, each once.
            #expect(sent.compactMap { $0.headers.text("ce_id") }.sorted() == ids.withLock { $0.sorted() })
        }
        await cutOff.shutdown(flush: .zero)
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aHandlerThatDiesAfterItsCommitHasItsEffectOnce() async throws {
        let postgres = try await TestPostgres()
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        try await postgres.with { database in
            try await prepare(database)
            let calls = Journal()
            let running = try RunningWorker.payments(cluster, producer, inbox: Inbox(database: database, group: Self.group)) { delivery in
                calls.add(delivery.id)
                _ = try await self.carryOut(delivery, on: database)
                throw Failure(.retry, label: "died", message: "after the commit")
            }
            _ = try await producer.send(command("m"))
            #expect(try await eventually(.seconds(20)) { try await cluster.committed("payment") == 2 })
            try await running.stop()
            #expect(calls.all == ["id-m"])
            #expect(try await effects(database) == ["id-m": 1])
            #expect(try await cluster.everything(in: .paymentEvents).map(\.text) == ["{\"of\":\"id-m\"}"])
        }
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func copiesThatAreKilledAndMessagesThatComeTwiceHaveTheirEffectOnce() async throws {
        let postgres = try await TestPostgres()
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        try await postgres.with { database in
            try await prepare(database)
            func start() throws -> RunningWorker {
                try RunningWorker.payments(
                    cluster, producer, inbox: Inbox(database: database, group: Self.group),
                    {
                        $0.shutdownLimit = .milliseconds(1)
                        $0.minOutageFailures = 1_000
                    }
                ) { delivery in
                    // A tenth fails before its effect, a tenth after it.
                    let luck = Int.random(in: 0..<10)
                    if luck == 0, delivery.attempt < 3 { throw Failure(.retry, label: "before", message: "no") }
                    let derived = try await self.carryOut(delivery, on: database)
                    if luck == 1, delivery.attempt < 3 { throw Failure(.retry, label: "after", message: "no") }
                    return .done(derived)
                }
            }
            let texts = (0..<400).map { "m\($0)" }
            var copies = [try start(), try start()]
            let sending = Task {
                for round in 0..<8 {
                    let batch = texts[(round * 50)..<(round * 50 + 50)]
                    // Each message twice, on different partitions, so that both copies have it at the same time.
                    let records = batch.flatMap { [command($0, partition: 0), command($0, partition: 11)] }
                    for result in await producer.send(records) { _ = try result.get() }
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            for limit in [100, 200, 300] {
                #expect(try await eventually(.seconds(30)) { try await effects(database).count >= limit })
                // What it has in hand it hands back at once.
                try await copies.removeFirst().stop()
                copies.append(try start())
            }
            try await sending.value
            #expect(try await eventually(.seconds(40)) { try await effects(database).count == 400 })
            #expect(
                try await eventually(.seconds(30)) {
                    try await cluster.isAtTheEnd("payment", of: [.paymentCommands] + Topic.retries(of: "payment"))
                })
            for copy in copies { try await copy.stop() }
            #expect(try await effects(database).values.allSatisfy { $0 == 1 })
            #expect(try await kept(database) == Set(texts.map { "id-\($0)" }))
            // Of each message one follower, however often it was sent.
            let sent = Set(try await cluster.everything(in: .paymentEvents).compactMap { $0.headers.text("ce_id") })
            #expect(Set(sent.map { $0.split(separator: "-")[1] }) == Set(texts.map { Substring($0) }))
            #expect(try await cluster.everything(in: .paymentDeadLetters).isEmpty)
        }
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func aDatabaseThatIsAwayPausesTheWorkerAndCostsNothing() async throws {
        let postgres = try await TestPostgres()
        let cluster = try await TestCluster.declared()
        let producer = try cluster.producer()
        try await postgres.with { database in
            try await prepare(database)
            let running = try RunningWorker.payments(cluster, producer, inbox: Inbox(database: database, group: Self.group)) { delivery in
                .done(try await self.carryOut(delivery, on: database))
            }
            for result in await producer.send((0..<50).map { command("a\($0)") }) { _ = try result.get() }
            #expect(try await eventually(.seconds(20)) { try await effects(database).count == 50 })
            postgres.stop(SIGKILL)
            for result in await producer.send((0..<50).map { command("b\($0)") }) { _ = try result.get() }
            #expect(await eventually(.seconds(20)) { running.worker.status.phase == .paused })
            try await postgres.start()
            #expect(try await eventually(.seconds(30)) { try await cluster.committed("payment") == 100 })
            #expect(await eventually { running.worker.status.phase == .running })
            try await running.stop()
            #expect(try await effects(database).count == 100)
            for topic in Topic.retries(of: "payment") + [.paymentDeadLetters] { #expect(try await cluster.everything(in: topic).isEmpty) }
        }
        await producer.shutdown(flush: .seconds(1))
        cluster.broker?.kill()
    }

    @Test func ofTwoWhoRecordTheSameMessageOneIsFirst() async throws {
        let postgres = try await TestPostgres()
        try await postgres.with { database in
            let tenant = tenant
            let first = [OutgoingMessage(KafkaRecord("payment.events", "k", "{}"))]
            let entries = (0..<200).map { Inbox.Entry(id: "m\($0)", tenant: tenant, derived: first) }
            let new = try await withThrowingTaskGroup(of: Set<String>.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let mine = entries.shuffled()
                        return try await database.transaction { try Inbox.record($0, group: Self.group, mine) }
                    }
                }
                var all: [String] = []
                for try await ids in group { all += ids }
                return all
            }
            #expect(new.count == 200)
            #expect(Set(new).count == 200)
            let inbox = Inbox(database: database, group: Self.group)
            #expect(try await inbox.derived(of: "m7") == first)
            #expect(try await inbox.derived(of: "m200") == nil)
            #expect(try await Inbox(database: database, group: "other").derived(of: "m7") == nil)
        }
    }
}

struct GathererTests {
    @Test func callsThatComeWhileOneIsOutGoTogether() async throws {
        let sizes = Mutex<[Int]>([])
        let gate = Down(isDown: true)
        let gatherer = Gatherer<Int, Int>(limits: .init(window: .zero, batch: 100, parallel: 1)) { inputs in
            sizes.withLock { $0.append(inputs.count) }
            while gate.isDown { try await Task.sleep(for: .milliseconds(1)) }
            return inputs.map { $0 * 2 }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await gatherer(0) == 0 }
            #expect(await eventually { sizes.withLock { $0.count } == 1 })
            for input in 1...250 { group.addTask { try await gatherer(input) == input * 2 } }
            try await Task.sleep(for: .milliseconds(50))
            gate.isDown = false
            for try await isRight in group { #expect(isRight) }
        }
        let all = sizes.withLock { $0 }
        #expect(all.reduce(0, +) == 251)
        #expect(all.count <= 10)
    }

    @Test func aStepThatFailsFailsAllItsCallsAndTheNextGoesOn() async throws {
        let fails = Down(isDown: true)
        let gatherer = Gatherer<Int, Int>(limits: .init(window: .zero, batch: 10, parallel: 1)) { inputs in
            if fails.isDown { throw Failure(.outage, label: "away", message: "no") }
            return inputs
        }
        let first = try? await gatherer(1)
        #expect(first == nil)
        fails.isDown = false
        let second = try await gatherer(2)
        #expect(second == 2)
    }
}
