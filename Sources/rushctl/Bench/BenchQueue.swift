import ArgumentParser
import BookingEngine
import Domain
import Foundation
import Glibc
import LoadGenerator
import LocalStack

/// `rushctl bench queue`.
struct BenchQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "A sale through the waiting room: many people join, all wait by long-poll, the first of the line buy.",
        discussion: """
            Everything runs on this machine. Joining is an open loop: a latency counts from the moment at which its request was meant to start. Whoever \
            has joined long-polls the place and reserves when admitted; once all have joined the holders pay, and the others are told that all is sold. Exit code 1 when not \
            exactly the seats were sold, one was sold without a pass or out of turn, or the inventory is broken.
            """)

    @Option(help: "People who join.")
    var people = 20_000

    @Option(help: "Seats on sale, one each.")
    var seats = 1_000

    @Option(help: "Seconds within which all join; 0 for as fast as it goes.")
    var seconds = 60

    @Option(help: "Where to write the figures as JSON.", transform: { try ResultFile($0) })
    var json: ResultFile?

    struct Figures: Codable, Sendable {
        var joinsPerSecond: Double
        var joinP50Ms: Double
        var joinP99Ms: Double
        var joinMaxMs: Double
        var joinCodes: [String: Int]
        /// People who long-polled at the moment at which memory was looked at.
        var waiting: Int
        /// Bytes.
        var ingressMemoryPerPerson: Double
        /// Bytes.
        var redisMemoryPerPerson: Double
        /// From the admission in Redis to the answer.
        var turnToldP50Ms: Double
        var turnToldP99Ms: Double
        /// People who were told a wait and whose wait was long enough to compare: three seconds.
        var estimates: Int
        /// Share of them whose wait was within 30 %, or one second, of what they were told when they joined.
        var estimatesWithin30Percent: Double
        var bought: Int
        var told: [String: Int]
        /// Reserves without a pass that were not refused.
        var soldWithoutPass: Int
        /// Whether nobody was served before somebody who had joined earlier.
        var inOrder: Bool
        var inventoryOk: Bool
        /// Percent of one core.
        var cpu: [String: Double]
    }

    func validate() throws {
        if !(10...100_000).contains(people) { throw ValidationError("--people must be from 10 to 100000.") }
        if !(1..<people).contains(seats) { throw ValidationError("--seats must be at least 1 and less than --people.") }
        if !(0...3600).contains(seconds) { throw ValidationError("--seconds must be from 0 to 3600.") }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("booking-rush-bench-\(ProcessInfo.processInfo.processIdentifier)")
            .path
        var configuration = LocalStackConfiguration(directory: folder, binaries: Installation.binaries)
        configuration.logLevel = "warning"
        let installation = try Installation(configuration) { Output.progress("  \($0)") }
        let end = StopSignals()
        let figures: Figures
        do {
            figures = try await end.unlessStopped { try await measure(installation) }
        } catch {
            await installation.stack.stop()
            throw error
        }
        await installation.stack.stop()
        try await installation.stack.erase()
        figures.print(seats: seats)
        try json?.write(figures)
        let isRight = figures.bought == seats && figures.soldWithoutPass == 0 && figures.inOrder && figures.inventoryOk
        if !isRight { throw ExitCode(1) }
    }

    /// Long-polls that may be open at once: each is a connection here and in the ingress. Whoever is beyond it asks now and then.
    private static func longestQueue() -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        return max(100, Int(clamping: limit.rlim_max) - 3_000)
    }

    private func measure(_ installation: Installation) async throws -> Figures {
        let zone = SeedFile.Zone(name: "Field", capacity: seats, priceMinor: 100)
        var event = SeedFile.Event(slug: "bench", title: "Bench", shows: [.init(zones: [zone])])
        event.maxTicketsPerUser = 1
        let ids = try await installation.start(SeedFile(tenant: .init(slug: "bench", name: "Bench"), events: [event])).events[0]
        guard let id = EventID(ids.eventID) else { throw Failure(description: "no event") }
        try await Connections.redis(installation.settings) { redis in
            _ = try await BookingEngine(redis: redis).setQueueMode(event: id, mode: .fifo, actor: "operator:bench")
        }
        Output.progress("  minting \(people) tokens")
        let keys = try await Connections.tokens(installation.settings)
        let tokens = try (0..<people).map { _ in try keys.sign(Token.token(user: Token.newUser(), age: 30, lifetime: .seconds(7200))) }
        let crowd = QueueCrowd(port: installation.stack.endpoints.httpPort, event: ids, tokens: tokens, longPolls: Self.longestQueue())
        let memory = try await QueueMemory(installation)
        let cpu = CPUSampler(await installation.stack.processIDs().merging(["load": getpid()]) { old, _ in old })

        let (answers, arriving) = AsyncStream.makeStream(of: QueueCrowd.Joined.self)
        async let stories = crowd.follow(answers)
        let joins = try await join(crowd, port: installation.stack.endpoints.httpPort, arriving)
        let waiting = crowd.waiting
        let (ingress, redis) = try await memory.growth()
        Output.progress("  all have joined; \(waiting) wait")
        async let intruders = crowd.reserveWithoutPass(min(100, people))
        crowd.letPay()
        let (told, leaked) = (await stories, try await intruders)
        let usage = cpu.usage()
        Output.progress("  checking the inventory")
        let check = try await InventoryCheck.run(settings: installation.settings, wait: .seconds(60))
        if !check.ok || !check.atRest { check.print() }
        let summary = QueueSummary(told)
        return Figures(
            joinsPerSecond: joins.requestsPerSecond, joinP50Ms: joins.p50Ms, joinP99Ms: joins.p99Ms, joinMaxMs: joins.maxMs,
            joinCodes: Dictionary(uniqueKeysWithValues: joins.codes.map { ("\($0.key)", $0.value) }), waiting: waiting,
            ingressMemoryPerPerson: ingress / Double(max(1, waiting)), redisMemoryPerPerson: redis / Double(people),
            turnToldP50Ms: summary.turnTold(0.5), turnToldP99Ms: summary.turnTold(0.99), estimates: summary.estimates,
            estimatesWithin30Percent: summary.estimatesWithin30Percent, bought: summary.counts["bought"] ?? 0, told: summary.counts,
            soldWithoutPass: leaked, inOrder: summary.inOrder, inventoryOk: check.ok && check.atRest,
            cpu: usage.percent.merging(["idle": usage.idlePercent]) { old, _ in old })
    }

    private func join(
        _ crowd: QueueCrowd, port: Int, _ arriving: AsyncStream<QueueCrowd.Joined>.Continuation
    ) async throws -> LoadReport {
        let pace: LoadPlan.Pace = seconds == 0 ? .asFastAsPossible : .perSecond(Double(people) / Double(seconds))
        var plan = LoadPlan(port: port, connections: 256, pace: pace, duration: .seconds(max(seconds, 600))) { index, bytes in
            crowd.appendJoin(index, to: &bytes)
        }
        plan.maxRequests = people
        plan.onAnswer = { index, status, body in
            if status == 202 { arriving.yield(.init(person: index, body: Array(body))) }
        }
        plan.onProgress = { Output.progress("  \($0.answered) joined, \($0.errors) errors, slowest \(Int($0.maxMs)) ms") }
        Output.progress("  \(people) people join, \(seconds == 0 ? "as fast as it goes" : "within \(seconds) s")")
        defer { arriving.finish() }
        return try await LoadGenerator.run(plan)
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}

extension BenchQueue.Figures {
    func print(seats: Int) {
        func two(_ value: Double) -> String { String(format: "%.2f", value) }
        Swift.print("joins/s           \(Int(joinsPerSecond))")
        Swift.print("join latency ms   p50 \(two(joinP50Ms))  p99 \(two(joinP99Ms))  max \(two(joinMaxMs))")
        Swift.print("join codes        \(joinCodes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "))")
        Swift.print("memory a person   ingress \(Int(ingressMemoryPerPerson)) B with \(waiting) long-polls, Redis \(Int(redisMemoryPerPerson)) B")
        Swift.print("turn told ms      p50 \(two(turnToldP50Ms))  p99 \(two(turnToldP99Ms))")
        Swift.print("estimated wait    \(Int(estimatesWithin30Percent * 100)) % of \(estimates) within 30 %")
        Swift.print("seats sold        \(bought) of \(seats), \(soldWithoutPass) without a pass, \(inOrder ? "in" : "OUT OF") the order of the line")
        Swift.print("what people heard \(told.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "))")
        Swift.print("cpu % of a core   \(cpu.sorted { $0.value > $1.value }.map { "\($0.key) \(Int($0.value))" }.joined(separator: ", "))")
        Swift.print("inventory         \(inventoryOk ? "ok" : "BROKEN")")
    }
}
