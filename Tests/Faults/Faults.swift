import LocalStack
import TestSupport
import Testing

/// kill -9 under load, ten times each, at random moments: nothing that was answered 202 is lost, and nothing happens twice.
///
/// Takes some minutes. The moments follow from a seed that is printed; BOOKING_RUSH_SEED sets it.
@Suite(.serialized, .installation, .timeLimit(.minutes(5))) struct Faults {
    /// Kills of each component.
    private static let kills = 10
    /// Longer than a consumer may be silent before its group goes on without it (`session.timeout.ms`, 6 s).
    private static let freeze = Duration.seconds(9)
    /// What a worker that was killed may take from its restart until it works again: its partitions wait for it.
    private static let backAgain = Duration.seconds(3)

    let installation: Installation

    init() throws {
        installation = try .running()
        print("seed: \(SeededRandom.seedOfThisRun)")
    }

    @Test func ingressIsKilledTenTimes() async throws {
        try await underLoad { _ in try await killAtRandomMoments(.ingress) }
    }

    @Test func brokerIsKilledTenTimes() async throws {
        try await underLoad { _ in try await killAtRandomMoments(.broker) }
    }

    @Test func redisIsKilledTenTimes() async throws {
        try await underLoad { _ in try await killAtRandomMoments(.redis) }
    }

    @Test func postgresIsKilledTenTimes() async throws {
        try await underLoad { _ in try await killAtRandomMoments(.postgres) }
    }

    @Test func workersAreKilledTenTimesEach() async throws {
        try await underLoad { event in
            async let projection: Void = killAtRandomMoments(
                .worker("inventory-sync"), working: "SELECT count(*) FROM bookings WHERE event_id = '\(event.id)'")
            async let release: Void = killAtRandomMoments(.worker("expiry"), working: "SELECT count(*) FROM operations")
            _ = try await (projection, release)
        }
    }

    @Test func anythingIsKilledWhileAnythingElseIsAway() async throws {
        try await underLoad { _ in
            async let stores: Void = killAnyOf([.redis, .postgres, .broker])
            async let programs: Void = killAnyOf([.ingress, .worker("inventory-sync"), .worker("expiry")])
            _ = try await (stores, programs)
        }
    }

    @Test func frozenWorkersThatWakeUpDoNoHarm() async throws {
        let stack = installation.stack
        try await underLoad { event in
            for worker in Installation.workers { try await stack.startWorker(worker, copies: 2) }
            let counted = ["SELECT count(*) FROM bookings WHERE event_id = '\(event.id)'", "SELECT count(*) FROM operations"]
            for worker in Installation.workers { try await stack.signal(.worker(worker), 19) }
            let frozen = ContinuousClock.now
            let before = try await counted.mapAsync { try await count($0) }
            try await waitUntil("the second copies do the work of the first", limit: .seconds(40), pause: .milliseconds(300)) {
                let now = try await counted.mapAsync { try await count($0) }
                return ContinuousClock.now - frozen > Self.freeze && zip(before, now).allSatisfy { $0 + 20 < $1 }
            }
            // What they had in hand when they were frozen is old by now, and others have done it.
            for worker in Installation.workers { try await stack.signal(.worker(worker), 18) }
            let woken = try await counted.mapAsync { try await count($0) }
            try await waitUntil("the work goes on", limit: .seconds(40), pause: .milliseconds(300)) {
                let now = try await counted.mapAsync { try await count($0) }
                return zip(woken, now).allSatisfy { $0 + 20 < $1 }
            }
        }
        for worker in Installation.workers { await stack.stop(.worker(worker, copy: 2)) }
    }

    /// Kills a process and starts it again, ten times.
    /// - Parameter working: a count that grows while the process does its work. Every second time it must have grown again soon after the restart; the
    ///   other kills fall at any moment of the start.
    private func killAtRandomMoments(_ component: Component, working: String? = nil) async throws {
        let random = SeededRandom(for: component.name)
        for kill in 0..<Self.kills {
            try await random.pause(from: .milliseconds(200), to: .milliseconds(1800))
            let before = try await killAndRestart(component, random) { try await working.mapAsync { try await count($0) } }
            if let working, let before, kill % 2 == 0 {
                let took = try await waitUntil("\(component) works again", limit: .seconds(60), pause: .milliseconds(100)) {
                    try await count(working) > before
                }
                report("\(component) works again \(took.inMs) ms after its restart")
                #expect(took < Self.backAgain)
            }
        }
    }

    /// Ten kills, each of any of these.
    private func killAnyOf(_ components: [Component]) async throws {
        let random = SeededRandom(for: components.map(\.name).joined(separator: "+"))
        for _ in 0..<Self.kills {
            let component = components[Int(random.next() % UInt64(components.count))]
            try await killAndRestart(component, random) {}
            try await random.pause(from: .milliseconds(200), to: .milliseconds(1500))
        }
    }

    @discardableResult
    private func killAndRestart<Result>(_ component: Component, _ random: SeededRandom, meanwhile: () async throws -> Result) async throws -> Result {
        try await installation.stack.kill(component)
        try await random.pause(from: .zero, to: .milliseconds(600))
        let result = try await meanwhile()
        try await installation.stack.restart(component)
        return result
    }

    private func count(_ query: String) async throws -> Int { Int(try await installation.psql(query).first?.first ?? "") ?? 0 }

    /// Puts load on, lets `body` do its harm, and wants everything to be whole afterwards.
    private func underLoad(_ body: (Event) async throws -> Void) async throws {
        var plan = EventPlan(.general("Floor", 50_000))
        plan.maxTicketsPerUser = 100
        let event = try await installation.seed(plan)
        let load = SteadyLoad(
            zone: event.zone, users: try await installation.users(5000), lasting: try installation.stack.probe(),
            short: try await installation.ingress(holdSeconds: 3))
        let running = Task { await load.run() }
        var failure: (any Error)?
        do {
            try await waitUntil("the load is on") { load.made.count > 20 }
            try await body(event)
        } catch {
            failure = error
        }
        load.stop()
        if failure != nil { await revive() }
        await running.value
        if let failure { throw failure }
        report("\(load.made.count) bookings, \(load.repeats) requests repeated, longest without an answer \(load.longest.inMs) ms")
        try await expectWhole(load, event)
    }

    /// Starts what a failed test has left dead, so that the next one tells of itself.
    private func revive() async {
        let stack = installation.stack
        for component in [.redis, .postgres, .broker] + Installation.workers.map({ Component.worker($0) }) + [.ingress] {
            // A start that fails here fails in the next test too, which says so.
            if await !stack.isRunning(component) { try? await stack.restart(component) }
        }
    }

    private func expectWhole(_ load: SteadyLoad, _ event: Event) async throws {
        let made = load.made
        #expect(load.unexpected.isEmpty, "\(load.unexpected.prefix(10)) of \(load.unexpected.count)")
        let wanted = Set(made.map(\.booking))
        #expect(wanted.count == made.count, "two requests got the same booking")
        let start = ContinuousClock.now
        let open = Set(made.filter { $0.isLasting && !$0.isCancelled }.map(\.booking))
        try await waitUntil("all \(made.count) are in PostgreSQL, \(open.count) of them reserved", limit: .seconds(90), pause: .milliseconds(300)) {
            let all = try await count("SELECT count(*) FROM bookings WHERE event_id = '\(event.id)'")
            let reserved = try await count("SELECT count(*) FROM bookings WHERE event_id = '\(event.id)' AND status = 'reserved'")
            return all >= made.count && reserved <= open.count
        }
        report("at rest \((ContinuousClock.now - start).inMs) ms after the load")
        let verdict = try await installation.checkInventory(wait: 60)
        #expect(verdict.holds, "\(verdict.report)")

        var rows: [String: (status: String, version: String)] = [:]
        for row in try await installation.psql("SELECT id, status, version FROM bookings WHERE event_id = '\(event.id)'") {
            #expect(rows.updateValue((row[1], row[2]), forKey: row[0]) == nil, "\(row[0]) is there twice")
        }
        #expect(wanted.subtracting(rows.keys).isEmpty, "answered 202 and not in PostgreSQL")
        #expect(Set(rows.keys).subtracting(wanted).isEmpty, "in PostgreSQL and never answered")
        let keys = try await installation.psql(
            "SELECT count(*) FROM (SELECT DISTINCT user_id, idempotency_key FROM bookings WHERE event_id = '\(event.id)') AS keys")
        #expect(keys == [["\(made.count)"]], "a key has two bookings")
        for booking in made {
            let row = rows[booking.booking] ?? ("none", "")
            let allowed = booking.isLasting ? [booking.isCancelled ? "cancelled" : "reserved"] : ["expired", "cancelled"]
            // Versions rise by one; each recovery of Redis raises what they begin at by a million.
            let version = (Int(row.version) ?? 0) % 1_000_000
            let isRight = row.status == "reserved" ? version == 1 : version == 2 || (version == 1 && row.version != "1")
            #expect(allowed.contains(row.status) && isRight, "\(booking): \(row)")
        }
        #expect(try await installation.available(event.zone) == event.zone.capacity - open.count)
    }
}

extension Optional {
    /// As `map`, for a transformation that waits.
    fileprivate func mapAsync<Result>(_ transform: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let self else { return nil }
        return try await transform(self)
    }
}

extension Array {
    /// As `map`, for a transformation that waits.
    fileprivate func mapAsync<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
