import BookingEngine
import Domain
import KafkaTestSupport
import Logging
import PostgresClient
import RedisClient
import Synchronization
import Testing

@testable import Recovery

/// One process recovers at a time, however long a step takes it; where it died, another goes on when its lease has run out.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Office.broker != nil)) struct LeaseTests {
    /// As far as the stores can tell, a process of its own; its statements may wait longer than a lease lasts.
    private struct Holder {
        let redis: RedisClient
        let database: PostgresClient
        let recovery: Recovery

        init(_ office: Office) throws {
            let (endpoints, logger) = (office.stack.endpoints, Logger(label: "test"))
            redis = try Office.redis(endpoints)
            database = PostgresClient(
                configuration: try PostgresConfiguration(url: endpoints.databaseURL, poolSize: 2, statementTimeout: .seconds(90)), logger: logger)
            recovery = Recovery(
                owner: "holder", redis: redis, database: database, admin: office.admin, bootstrapServers: endpoints.kafkaBootstrapServers,
                logger: logger)
            try database.start()
        }
    }

    /// Lets another recover as far as the step that reads `bookings`, and keeps it there for as long as the body runs.
    /// - Returns: that recovery, which goes on.
    private func whileStuck(
        _ holder: Holder, _ office: Office, _ body: () async throws -> Void
    ) async throws -> Task<RecoveryReport, any Error> {
        let (isLocked, isOver) = (Gate(), Gate())
        let lock = Task {
            try await office.database.transaction { connection in
                try connection.execute(script: "LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE")
                isLocked.open()
                while !isOver.isOpen { try connection.execute(script: "SELECT pg_sleep(0.02)") }
            }
        }
        let result: Result<Task<RecoveryReport, any Error>, any Error>
        do {
            try #require(await eventually { isLocked.isOpen })
            let run = Task { try await holder.recovery.run() }
            try #require(try await eventually { try await timeLeft(office) > .zero })
            try await body()
            result = .success(run)
        } catch { result = .failure(error) }
        isOver.open()
        try await lock.value
        return try result.get()
    }

    private final class Gate: Sendable {
        private let state = Mutex(false)
        var isOpen: Bool { state.withLock { $0 } }
        func open() { state.withLock { $0 = true } }
    }

    /// Five bookings that Redis has forgotten, and what it knew of them.
    private func forgotten(_ office: Office) async throws -> (bookings: [BookingID], before: Office.Picture) {
        _ = try await office.recover()
        let bookings = try await office.reserve(5)
        let before = try await office.picture(bookings)
        _ = try await office.redis.send(RedisCommand("FLUSHALL"))
        return (bookings, before)
    }

    /// How long the lease still lasts that another must not have; zero when none is held.
    private func timeLeft(_ office: Office) async throws -> Duration {
        let left = try await office.redis.pipeline(Shard.all.map { RedisCommand("PTTL", Keys.lease("recovery", $0)) })
        return .milliseconds(max(0, left.map { $0.int ?? 0 }.min() ?? 0))
    }

    @Test func noOtherBeginsDuringAStepThatOutlastsTheLease() async throws {
        try await Office.with { office in
            let (bookings, before) = try await forgotten(office)
            let holder = try Holder(office)
            let run = try await whileStuck(holder, office) {
                let end = ContinuousClock.now + Recovery.lease + Recovery.lease / 3
                while ContinuousClock.now < end {
                    let refusal = await #expect(throws: RecoveryError.self) { try await office.recover() }
                    try #require(refusal?.code == .busy)
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(try await !office.recovery.isTrusted())
            }
            #expect(try await run.value.restored == 5)
            #expect(try await office.recover().wasTrusted)
            #expect(try await office.picture(bookings) == before)
            await holder.redis.shutdown()
            await holder.database.shutdown()
        }
    }

    @Test func anotherTakesOverWhenTheLeaseOfTheDeadHasRunOut() async throws {
        try await Office.with { office in
            let (bookings, before) = try await forgotten(office)
            let holder = try Holder(office)
            var (died, left) = (ContinuousClock.now, Duration.zero)
            let run = try await whileStuck(holder, office) {
                // Redis hears as much of it as of a process that was killed: no more, not that the lease is given back.
                await holder.redis.shutdown()
                (died, left) = (.now, try await timeLeft(office))
            }
            #expect(left > .zero)
            await #expect(throws: (any Error).self) { try await run.value }
            var report: RecoveryReport?
            while report == nil, ContinuousClock.now < died + Recovery.lease + .seconds(10) {
                do { report = try await office.recover() } catch let error as RecoveryError where error.code == .busy {
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            let done = try #require(report)
            // A second for what a try does before it takes the lease.
            #expect(ContinuousClock.now - died - .seconds(done.seconds) > left - .seconds(1))
            #expect(done.restored == 5)
            #expect(try await office.picture(bookings) == before)
            await holder.database.shutdown()
        }
    }
}
