import Domain
import Foundation
import LocalStack
import Logging
import RedisClient
import Testing

@testable import BookingEngine

/// How reserves come together on their way to Redis.
@Suite(.serialized) struct ReserveGathererTests {
    /// A fixture whose reserves have connections of their own.
    /// - Parameter body: gets a connection on which nothing waits.
    private static func with(_ connections: Int, _ body: (Fixture, RedisClient) async throws -> Void) async throws {
        try await TestRedis.with { redis in
            let control = try await TestRedis.another(redis)
            var reservers: [RedisClient] = []
            for _ in 0..<connections {
                var configuration = redis.configuration
                configuration.clientName = "reserver"
                configuration.commandTimeout = .seconds(10)
                reservers.append(RedisClient(configuration: configuration, logger: Logger(label: "test")))
            }
            for client in reservers { try client.start() }
            var fixture = Fixture(redis, capacity: 1000)
            fixture.engine = BookingEngine(redis: redis, reservers: reservers)
            _ = try await fixture.load()
            // Loads the script and connects.
            for client in reservers { _ = try await client.evaluate(ReserveBatch.script, keys: Self.keys, arguments: Self.arguments) }
            let result: Result<Void, any Error>
            do { result = .success(try await body(fixture, control)) } catch { result = .failure(error) }
            for client in reservers + [control] { await client.shutdown() }
            try result.get()
        }
    }

    /// A reserve in a zone that is not there.
    private static let keys = ["zone:x", "due:x", "outbox:x", "seats:x", "seatno:x", "epoch:x", "queue:x", "user:x", "hold:x"]
    private static let arguments: [RedisArgument] = ["e", "s", "20", "10", "100", "1000", "1000", "b", "1", "h", "f", "", "", "", "k", "", "0"]

    private static func calls(_ redis: RedisClient) async throws -> Int {
        let text = try await redis.send(RedisCommand("INFO", "commandstats")).text ?? ""
        return text.firstMatch(of: /cmdstat_evalsha:calls=(\d+)/).flatMap { Int($0.1) } ?? 0
    }

    @Test func whatComesDuringAFlightGoesTogetherInTheNext() async throws {
        try await Self.with(1) { fixture, redis in
            let before = try await Self.calls(redis)
            _ = try await redis.send(RedisCommand("CLIENT", "PAUSE", "10000", "WRITE"))
            let answers = try fixture.start((0..<150).map { _ in ReserveAsk() })
            #expect(answers.count == 0)
            _ = try await redis.send(RedisCommand("CLIENT", "UNPAUSE"))
            let results = try await answers.complete()
            #expect(results.allSatisfy { $0.count == 1 })
            // The first alone, then a full flight and the rest.
            #expect(try await Self.calls(redis) - before == 3)
            #expect(try await fixture.disagreements(reserved: results.flatMap { $0.compactMap(\.booking) }) == [])
            #expect(try await fixture.counts()?.held == 150)
        }
    }

    @Test(arguments: [(50, 1), (97, 2), (117, 2)]) func onlyAFullFlightGoesBesideAnother(reserves: Int, connections: Int) async throws {
        try await Self.with(2) { fixture, redis in
            let before = try await Self.calls(redis)
            _ = try await redis.send(RedisCommand("CLIENT", "PAUSE", "10000", "WRITE"))
            let answers = try fixture.start((0..<reserves).map { _ in ReserveAsk() })
            // Calls that Redis has and holds back.
            func held() async throws -> Int {
                let clients = try await redis.send(RedisCommand("CLIENT", "LIST")).text ?? ""
                return clients.split(separator: "\n").count { $0.contains(" name=reserver ") && $0.contains(" flags=b ") }
            }
            let limit = ContinuousClock.now + .seconds(5)
            while try await held() < connections, ContinuousClock.now < limit {}
            #expect(try await held() == connections)
            _ = try await redis.send(RedisCommand("CLIENT", "UNPAUSE"))
            #expect(try await answers.complete().allSatisfy { $0.count == 1 })
            // The first alone, a full flight, the rest.
            #expect(try await Self.calls(redis) - before == (reserves + 94) / 96 + 1)
            #expect(try await fixture.counts()?.held == Int64(reserves))
        }
    }

    @Test func aConnectionThatIsAwayIsNotPreferredToOneThatIsThere() async throws {
        try await Self.with(1) { live, redis in
            let away = RedisClient(configuration: RedisConfiguration(port: 1, connectTimeout: .milliseconds(50)), logger: Logger(label: "test"))
            try away.start()
            while (try? await away.send(RedisCommand("PING"))) != nil {}
            let there = try await TestRedis.another(redis)
            var fixture = live
            fixture.engine = BookingEngine(redis: redis, reservers: [away, there])
            let before = try await Self.calls(redis)
            let results = try await fixture.start((0..<80).map { _ in ReserveAsk() }).complete()
            #expect(results.allSatisfy { $0.count == 1 && $0.first?.booking != nil })
            // Alone and at once over the spare they would be eighty calls.
            #expect(try await Self.calls(redis) - before < 40)
            for client in [away, there] { await client.shutdown() }
        }
    }

    @Test func zonesShareAFlightAndTheOldestGoFirst() async throws {
        try await Self.with(1) { fixture, redis in
            var others: [Fixture] = []
            for _ in 0..<5 {
                var other = Fixture(redis, capacity: 100)
                other.engine = fixture.engine
                _ = try await other.load()
                others.append(other)
            }
            _ = try await redis.send(RedisCommand("CLIENT", "PAUSE", "10000", "WRITE"))
            let first = try fixture.start([ReserveAsk()])
            var started: [Answers] = []
            for other in others + others { started.append(try other.start([ReserveAsk(), ReserveAsk()])) }
            _ = try await redis.send(RedisCommand("CLIENT", "UNPAUSE"))
            _ = try await first.complete()
            for answers in started {
                let results = try await answers.complete()
                #expect(results.allSatisfy { $0.count == 1 && $0[0].booking != nil })
            }
            for other in others { #expect(try await other.counts()?.held == 4) }
        }
    }

    @Test func oneReserveTooManyIsRefusedAtOnce() async throws {
        try await Self.with(1) { fixture, redis in
            let connection = fixture.engine.redis
            let gatherer = ReserveGatherer(
                connections: [connection], spare: connection, limits: ReserveLimits(), limits: .init(flight: 4, pending: 10))
            _ = try await redis.send(RedisCommand("CLIENT", "PAUSE", "10000", "WRITE"))
            let answers = Answers(12)
            for index in 0..<12 {
                let (request, context, booking) = try fixture.request(ReserveAsk())
                gatherer.add(PendingReserve(request, context, booking: booking) { answers.add(index, $0) })
            }
            #expect(answers.count == 2)
            for result in answers.all[10...].flatMap({ $0 }) {
                guard case .failure(let error) = result else {
                    Issue.record("\(result)")
                    return
                }
                #expect(error.underlying?.code == .overloaded)
            }
            _ = try await redis.send(RedisCommand("CLIENT", "UNPAUSE"))
            #expect(try await answers.complete()[..<10].allSatisfy { $0.count == 1 && $0[0].booking != nil })
            #expect(try await fixture.counts()?.held == 10)
        }
    }

    @Test func aLostConnectionRepeatsItsFlightOnce() async throws {
        try await Self.with(2) { fixture, redis in
            for _ in 0..<5 {
                _ = try await redis.send(RedisCommand("CLIENT", "PAUSE", "10000", "WRITE"))
                let held = try await fixture.counts()?.held ?? -1
                let answers = try fixture.start((0..<100).map { _ in ReserveAsk() })
                let list = try await redis.send(RedisCommand("CLIENT", "LIST")).text ?? ""
                for line in list.split(separator: "\n") where line.contains("name=reserver") {
                    let id = line.dropFirst(3).prefix { $0 != " " }
                    _ = try await redis.send(RedisCommand("CLIENT", "KILL", "ID", String(id)))
                }
                _ = try await redis.send(RedisCommand("CLIENT", "UNPAUSE"))
                let results = try await answers.complete()
                #expect(results.allSatisfy { $0.count == 1 && $0[0].booking != nil })
                #expect(try await fixture.counts()?.held == held + 100)
            }
            let due = (try await redis.send(RedisCommand("ZRANGE", Keys.due(fixture.shard), "0", "-1")).elements ?? []).compactMap(\.text)
            #expect(try await fixture.disagreements(reserved: due.compactMap { BookingID($0) }) == [])
        }
    }

    @Test func whenRedisDiesEveryCallerHearsOnceAndWhatWasAnsweredIsThere() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherer-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let stack = try LocalStack(LocalStackConfiguration(directory: directory.path, binaries: "/nonexistent"))
        try await stack.startRedis()
        let configuration = try RedisConfiguration(url: stack.endpoints.redisURL)
        let clients = (0..<3).map { _ in RedisClient(configuration: configuration, logger: Logger(label: "test")) }
        for client in clients { try client.start() }
        var fixture = Fixture(clients[0], capacity: 100_000)
        fixture.engine = BookingEngine(redis: clients[0], reservers: [clients[1], clients[2]])
        _ = try await fixture.load()

        var told: Set<BookingID> = []
        var unknown = 0
        for round in 0..<3 {
            let asks = (0..<6_000).map { _ in ReserveAsk() }
            let answers = try fixture.start(asks)
            while answers.count < 500 + round * 300 { try await Task.sleep(for: .microseconds(200)) }
            try await stack.kill(.redis)
            let results = try await answers.complete()
            #expect(results.allSatisfy { $0.count == 1 })
            told.formUnion(results.flatMap { $0.compactMap(\.booking) })
            unknown += results.count { $0.first?.booking == nil }
            try await stack.restart(.redis)
            let deadline = ContinuousClock.now + .seconds(10)
            while !clients.allSatisfy(\.isConnected), deadline > .now { try await Task.sleep(for: .milliseconds(5)) }
        }
        let due = (try await clients[0].send(RedisCommand("ZRANGE", Keys.due(fixture.shard), "0", "-1")).elements ?? []).compactMap(\.text)
        let held = Set(due.compactMap { BookingID($0) })
        #expect(told.isSubset(of: held))
        #expect(held.count <= told.count + unknown)
        #expect(try await fixture.disagreements(reserved: Array(held)) == [])
        for client in clients { await client.shutdown() }
        await stack.stop()
    }
}
