public import BookingEngine
import Domain
public import KafkaClient
public import Logging
import LuaScripts
public import PostgresClient
public import RedisClient
import Topics

/// Gives back to Redis what it may have forgotten, and says then that it is trusted (ARCHITECTURE, Trust).
///
/// With a mark it replays booking.events from there; without one it loads the zones and the bookings that PostgreSQL knows, then the events behind those.
/// One process does it at a time, by a lease; done twice, or begun again after a kill, it comes to the same.
public struct Recovery: Sendable {
    /// How long a lease outlives its holder; it is prolonged meanwhile.
    public static let lease: Duration = .seconds(15)
    /// The group whose rows are the bookings in PostgreSQL.
    public static let projection = "inventory-sync"

    let owner: String
    let redis: RedisClient
    let database: PostgresClient
    let admin: KafkaAdmin
    let bootstrapServers: String
    /// Takes on their way the events that are written on the way.
    let publish: @Sendable ([OutboxEntry]) -> Void
    let logger: Logger
    var engine: BookingEngine { BookingEngine(redis: redis) }

    /// - Parameters:
    ///   - owner: the name of this process, unique among all that share the Redis.
    ///   - publish: where there is no publisher, the sweepers find the events in the outbox.
    public init(
        owner: String, redis: RedisClient, database: PostgresClient, admin: KafkaAdmin, bootstrapServers: String,
        publish: @escaping @Sendable ([OutboxEntry]) -> Void = { _ in }, logger: Logger
    ) {
        self.owner = owner
        self.redis = redis
        self.database = database
        self.admin = admin
        self.bootstrapServers = bootstrapServers
        self.publish = publish
        self.logger = logger
    }

    /// What Redis says of itself before anything is done.
    private struct Start {
        let runID: String
        let isTrusted: Bool
        /// Per partition, where every shard's mark is; nil when one has none.
        let mark: [Int32: Int64]?
        let epoch: Int64
        let hasEpoch: Bool
    }

    /// Whether every shard trusts the Redis on the line.
    public func isTrusted() async throws -> Bool {
        let trusted = try await redis.pipeline(Shard.all.map { RedisCommand("GET", Keys.trusted($0)) })
        return trusted.allSatisfy { $0.text != nil && $0.text == redis.serverRunID }
    }

    /// Recovers, unless Redis is trusted already.
    /// - Parameters:
    ///   - always: also when it is trusted, and from PostgreSQL: what an operator asks for by hand.
    ///   - progress: told each step in a few words.
    /// - Throws: ``RecoveryError``, or what a store throws.
    public func run(always: Bool = false, progress: @escaping @Sendable (String) -> Void = { _ in }) async throws -> RecoveryReport {
        let clock = ContinuousClock.now
        var report = RecoveryReport()
        let begun = try await start()
        report.wasTrusted = begun.isTrusted
        report.epoch = begun.epoch
        if begun.isTrusted, !always { return report }
        // A name for this try alone: a lease that a flush took away must not be taken for the same.
        let name = "\(owner)/\(BookingEngine.wallClockMs())"
        let leases = Leases(purpose: "recovery", owner: name, length: Self.lease, redis: redis)
        guard try await leases.take(Shard.all).count == Shard.count else {
            await leases.release()
            throw RecoveryError(.busy, "another process recovers")
        }
        let keeper = Task { try await keepLease(name) }
        defer { keeper.cancel() }
        do {
            try await recover(begun, always, name, &report, progress)
            await leases.release()
        } catch {
            await leases.release()
            throw error
        }
        report.seconds = (ContinuousClock.now - clock) / .seconds(1)
        return report
    }

    /// Prolongs the lease for as long as it is ours, however long a step takes.
    private func keepLease(_ name: String) async throws {
        while true {
            try await Task.sleep(for: Self.lease / 4)
            // An answer that does not come is not the end of it: the next look comes in time.
            guard let isOurs = try? await ownsLease(name) else { continue }
            guard isOurs else { return }
            _ = try? await redis.pipeline(
                Shard.all.map { RedisCommand("PEXPIRE", Keys.lease("recovery", $0), String(Self.lease.inMilliseconds)) })
        }
    }

    private func ownsLease(_ name: String) async throws -> Bool {
        try await redis.pipeline(Shard.all.map { RedisCommand("GET", Keys.lease("recovery", $0)) }).allSatisfy { $0.text == name }
    }

    private func start() async throws -> Start {
        let replies = try await redis.pipeline(
            [RedisCommand("INFO", "server")] + Shard.all.map { RedisCommand("MGET", Keys.trusted($0), Keys.mark($0), Keys.epoch($0)) })
        guard let info = replies[0].text, let line = info.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("run_id:") }) else {
            throw RecoveryError(.unreadable, "Redis names no run_id")
        }
        let runID = String(line.dropFirst(7))
        let shards = replies.dropFirst().map { $0.elements ?? [] }
        let marks = shards.compactMap { $0.count == 3 ? $0[1].text.flatMap(Mark.init) : nil }
        return Start(
            runID: runID, isTrusted: shards.allSatisfy { $0.first?.text == runID },
            mark: marks.count == Shard.count ? Mark.lowest(marks) : nil, epoch: shards.compactMap { $0.count == 3 ? $0[2].int : nil }.max() ?? 0,
            hasEpoch: shards.contains { $0.count == 3 && $0[2].int != nil })
    }

    private func recover(
        _ begun: Start, _ always: Bool, _ name: String, _ report: inout RecoveryReport, _ progress: @escaping @Sendable (String) -> Void
    ) async throws {
        let topic = try await admin.offsets(topic: Topic.bookingEvents.name)
        // What lies before the mark may have been deleted since, when an old copy of Redis was put back.
        var mark = always ? nil : begun.mark
        if let known = mark, topic.contains(where: { known[$0.key] ?? 0 < $0.value.low }) { mark = nil }
        var highest: Int64 = 0
        var from = mark
        if mark == nil {
            report.from = "projection"
            progress("loading the zones")
            try await loadZones(&report)
            highest = try await ReportedBookings(database: database).highestVersion()
            from = try await ReportedBookings(database: database).offsets(group: Self.projection, topic: Topic.bookingEvents.name)
        }
        var ranges: [KafkaTopicPartition: Range<Int64>] = [:]
        for (partition, kept) in topic {
            // What lies beyond the end was on a topic that was made anew.
            let first = from?[partition].flatMap { $0 <= kept.high ? max($0, kept.low) : nil } ?? kept.low
            ranges[KafkaTopicPartition(topic: Topic.bookingEvents.name, partition: partition)] = first..<kept.high
        }
        progress("reading \(ranges.values.reduce(0) { $0 + $1.count }) events")
        var tail = TopicTail()
        try await tail.read(ranges, bootstrapServers: bootstrapServers, logger: logger) { progress("\($0) events read") }
        report.events = tail.events
        highest = max(highest, tail.highestVersion)
        if mark != nil { try await loadMissingZones(&report) }
        var states = Array(tail.newest.values)
        if mark == nil {
            let letters = OpenLetters(database: database, admin: admin, bootstrapServers: bootstrapServers, logger: logger)
            states += try await letters.states().filter { !tail.newer(than: $0.booking) }
        }
        try await restore(states, name, &report)
        var open = states.compactMap { Self.openPayment($0.booking) }
        if mark == nil { open += try await restoreReported(tail, name, &report, progress) }
        if report.withoutZone > 0 {
            logger.warning("bookings were left out whose zones the catalogue does not have", metadata: ["bookings": "\(report.withoutZone)"])
            // A catalogue that comes later would be loaded with everything free.
            if mark == nil, report.zones == 0 {
                throw RecoveryError(.incomplete, "there are \(report.withoutZone) bookings and no catalogue: rushctl replay database brings it back")
            }
        }
        if !open.isEmpty { publish(try await OpenPayments(database: database, engine: engine).restore(open)) }
        let told = ToldZones(database: database, engine: engine)
        publish(try await told.correct(tail.zones, includesReported: mark == nil))
        try await QueueLines(redis: redis, admin: admin, bootstrapServers: bootstrapServers, logger: logger).restore(always: always)
        try await finish(begun, name, highest, topic.mapValues(\.high), &report)
    }

    private func loadZones(_ report: inout RecoveryReport) async throws {
        for zone in try await Catalogue(database: database).zones() {
            guard case .set = try await engine.setZone(zone) else {
                throw RecoveryError(.incomplete, "the stock of zone \(zone.zone) in Redis does not fit the catalogue")
            }
            report.zones += 1
        }
    }

    /// Zones that were loaded after an old copy of Redis was made. Without PostgreSQL that is left: bookings of such a zone would say so.
    private func loadMissingZones(_ report: inout RecoveryReport) async throws {
        let known: [(ZoneID, Shard)]
        do {
            known = try await Catalogue(database: database).ids()
        } catch {
            return logger.warning("the zones were not compared with the catalogue", metadata: ["error": "\(error)"])
        }
        let exist = try await redis.pipeline(known.map { RedisCommand("EXISTS", Keys.zone($0, $1)) })
        if exist.contains(where: { $0.int == 0 }) { try await loadZones(&report) }
    }

    private func restoreReported(
        _ tail: TopicTail, _ name: String, _ report: inout RecoveryReport, _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> [PaymentID] {
        var open: [PaymentID] = []
        let reported = ReportedBookings(database: database)
        var last: String? = "00000000-0000-0000-0000-000000000000"
        var next = Task { [last] in try await reported.page(after: last ?? "") }
        while last != nil {
            let page = try await next.value
            last = page.last
            // The next page is read while this one is written.
            if let last { next = Task { try await reported.page(after: last) } }
            let bookings = page.bookings.filter { !tail.newer(than: $0) }
            open += bookings.compactMap(Self.openPayment)
            try await restore(bookings.map { BookingState(booking: $0) }, name, &report)
            progress("\(report.restored) bookings restored")
        }
        return open
    }

    /// The payment that a hold waits for.
    private static func openPayment(_ booking: Booking) -> PaymentID? {
        booking.status == .reserved && booking.paymentState == .open ? booking.payment : nil
    }

    /// Puts states back, as long as the lease is ours.
    private func restore(_ states: [BookingState], _ name: String, _ report: inout RecoveryReport) async throws {
        let result = try await engine.restore(states)
        publish(result.told)
        report.restored += result.restored
        report.known += result.known
        report.lost += result.lost.count
        report.withoutZone += result.withoutZone.count
        for (booking, reason) in result.failed.prefix(10) {
            logger.error("a booking was not put back", metadata: ["booking.id": "\(booking)", "reason": "\(reason)"])
        }
        if !result.failed.isEmpty { throw RecoveryError(.incomplete, "\(result.failed.count) bookings could not be put back") }
        guard try await ownsLease(name) else { throw RecoveryError(.overtaken, "the lease is gone") }
    }

    private func finish(
        _ begun: Start, _ name: String, _ highest: Int64, _ ends: [Int32: Int64], _ report: inout RecoveryReport
    ) async throws {
        var epoch = max(begun.epoch, highest / 1_000_000)
        // Where nothing was ever written, nothing can come late.
        if begun.hasEpoch || begun.mark != nil || highest > 0 { epoch += 1 }
        // A Redis that forgot its epoch takes one that none can have had: it rises by one a recovery, and those are more than a second apart.
        if !begun.hasEpoch, begun.mark == nil, highest > 0 { epoch = max(epoch, BookingEngine.wallClockMs() / 1000 - Self.firstSecond) }
        if epoch > 0 {
            // From PostgreSQL and the whole rest of the topic nothing before its end was left out.
            var isNoted = false
            while !isNoted {
                let text = try await redis.send(RedisCommand("GET", LatePosition.key)).text
                let late = LatePosition.after(report.from == "mark" ? text.flatMap(LatePosition.init) : nil, epoch: epoch, ends: ends)
                let reply = try await redis.evaluate(
                    LuaScript.advanceLate, keys: [LatePosition.key], arguments: [.string(text ?? ""), .string(late.text)])
                isNoted = try reply.get(operation: "note late events").int == 1
            }
        }
        let mark = Mark(ends).text
        let replies = try await redis.evaluate(
            LuaScript.finishRecovery,
            calls: Shard.all.map { shard in
                RedisScriptCall(
                    keys: [Keys.lease("recovery", shard), Keys.trusted(shard), Keys.mark(shard), Keys.epoch(shard)],
                    arguments: [.string(name), .string(begun.runID), .string(mark), .int(epoch)])
            })
        guard replies.allSatisfy({ $0.int == 1 }) else { throw RecoveryError(.overtaken, "Redis was lost again meanwhile") }
        report.epoch = epoch
    }

    /// 2026-01-01T00:00:00Z.
    private static let firstSecond: Int64 = 1_767_225_600
}
