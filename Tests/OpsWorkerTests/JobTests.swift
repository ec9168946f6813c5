import BookingEngine
import Domain
import Synchronization
import Testing
import WorkerRuntime

@testable import OpsWorker

/// Jobs, their leases and their ends, on a real PostgreSQL; the table is shared, so they come one after another.
@Suite(.serialized) struct JobTests {
    @Test func aJobIsDoneOnceByManyCopiesAndItsOperationEnds() async throws {
        let office = try await Office()
        let done = Mutex<[OperationID: Int]>([:])
        var ids: [OperationID] = []
        for _ in 0..<10 { ids.append(try await office.ask().operation) }
        let work: @Sendable (Job, JobRunner.Progress) async throws -> [UInt8] = { job, progress in
            progress(Array(#"{"handled":1}"#.utf8))
            done.withLock { $0[job.id, default: 0] += 1 }
            return Array(#"{"handled":2}"#.utf8)
        }
        let wanted = ids
        try await office.run([office.runner(work), office.runner(work), office.runner(work)]) {
            for id in wanted where try await office.state(id) != "succeeded told succeeded" { return false }
            return true
        }
        #expect(done.withLock { $0 } == Dictionary(uniqueKeysWithValues: ids.map { ($0, 1) }))
        #expect(Set(office.finished.withLock { $0.map(\.id) }) == Set(ids))
        let audit = try office.audit()
        for id in ids {
            #expect(audit["\(id)/accepted"]?.origin.address == "127.0.0.1")
            #expect(audit["\(id)/succeeded"]?.new.map { String(decoding: $0, as: UTF8.self) } == #"{"report":{"handled":2}}"#)
        }
    }

    @Test func aCommandThatComesAgainIsNotDoneAgain() async throws {
        let office = try await Office()
        let count = Mutex(0)
        let command = try await office.ask()
        let runner = office.runner { _, _ in
            count.withLock { $0 += 1 }
            return Array("{}".utf8)
        }
        try await office.run([runner]) { try await office.state(command.operation).hasPrefix("succeeded told") }
        try await office.deliver(command)
        let other = try await office.ask()
        try await office.run([runner]) { try await office.state(other.operation).hasPrefix("succeeded told") }
        #expect(count.withLock { $0 } == 2)
    }

    @Test func aJobWhoseHolderDiedIsGoneOnWith() async throws {
        let office = try await Office()
        let command = try await office.ask()
        // The dead holder: it took the job and never prolonged its lease.
        #expect(try await office.store("dead", lease: .milliseconds(300)).take()?.id == command.operation)
        #expect(try await office.store("other").take()?.id == nil)
        try await office.run([office.runner { _, _ in Array("{}".utf8) }]) {
            try await office.state(command.operation) == "succeeded told succeeded"
        }
        // What the dead one would still write is not taken.
        #expect(try await office.store("dead").keep(command.operation, progress: nil) == false)
        #expect(try await office.store("dead").end(command.pending.finished(error: nil), report: nil) == false)
    }

    @Test func aJobThatLastsKeepsItsLease() async throws {
        let office = try await Office()
        let command = try await office.ask()
        let begun = Mutex(0)
        let work: @Sendable (Job, JobRunner.Progress) async throws -> [UInt8] = { _, _ in
            begun.withLock { $0 += 1 }
            try await Task.sleep(for: .milliseconds(900))
            return Array("{}".utf8)
        }
        try await office.run([office.runner(lease: .milliseconds(300), work), office.runner(lease: .milliseconds(300), work)]) {
            try await office.state(command.operation) == "succeeded told succeeded"
        }
        #expect(begun.withLock { $0 } == 1)
    }

    @Test func aJobThatLostItsLeaseIsStopped() async throws {
        let office = try await Office()
        let command = try await office.ask()
        let cancelled = Mutex(false)
        let runner = office.runner { _, _ in
            _ = try await office.database.query("UPDATE ops_jobs SET owner = 'another', leased_until = now() + interval '1 hour'", [])
            do {
                try await Task.sleep(for: .seconds(60))
            } catch {
                cancelled.withLock { $0 = true }
                throw error
            }
            return []
        }
        try await office.run([runner]) { cancelled.withLock { $0 } }
        #expect(try await office.state(command.operation) == "running")
    }

    @Test func aStopGivesTheJobBackAtOnce() async throws {
        let office = try await Office()
        let command = try await office.ask()
        let begun = Mutex(false)
        let runner = office.runner(lease: .seconds(60)) { _, _ in
            begun.withLock { $0 = true }
            try await Task.sleep(for: .seconds(60))
            return []
        }
        try await office.run([runner]) { begun.withLock { $0 } }
        #expect(try await office.store().take()?.id == command.operation)
    }

    @Test func whatAToolRefusesEndsTheOperationWithItsWords() async throws {
        let office = try await Office()
        let command = try await office.ask()
        let runner = office.runner { _, _ in throw Failure(.deadLetter, label: "refused", message: "the group has members") }
        try await office.run([runner]) { try await office.state(command.operation) == "failed told failed INVALID_STATE" }
        #expect(office.finished.withLock { $0.last?.errorMessage } == "the group has members")
        #expect(try office.audit()["\(command.operation)/failed"] != nil)
    }

    @Test func whatFailsByItselfIsBegunAnewAndGivenUpInTheEnd() async throws {
        let office = try await Office()
        let command = try await office.ask()
        let begun = Mutex(0)
        let runner = office.runner { _, _ in
            begun.withLock { $0 += 1 }
            throw Failure(.retry, label: "odd", message: "odd")
        }
        try await office.run([runner]) { try await office.state(command.operation) == "failed told failed INTERNAL_ERROR" }
        #expect(begun.withLock { $0 } == 3)
    }

    @Test func anOutageIsWaitedForWithoutEnd() async throws {
        let office = try await Office()
        let command = try await office.ask()
        let begun = Mutex(0)
        let runner = office.runner { _, _ in
            let count = begun.withLock { count in
                count += 1
                return count
            }
            if count < 6 { throw Failure(.outage, label: "away", message: "away") }
            return Array("{}".utf8)
        }
        try await office.run([runner]) { try await office.state(command.operation) == "succeeded told succeeded" }
    }

    @Test func anEndThatNobodyWasToldOfIsToldLater() async throws {
        let office = try await Office()
        let command = try await office.ask()
        office.deafFor.withLock { $0 = 1 }
        let count = Mutex(0)
        let work: @Sendable (Job, JobRunner.Progress) async throws -> [UInt8] = { _, _ in
            count.withLock { $0 += 1 }
            return Array(#"{"n":1}"#.utf8)
        }
        try await office.run([office.runner(lease: .seconds(1), work)]) {
            try await office.state(command.operation).hasPrefix("succeeded told")
        }
        #expect(count.withLock { $0 } == 1)
        #expect(try office.audit()["\(command.operation)/succeeded"]?.new.map { String(decoding: $0, as: UTF8.self) } == #"{"report":{"n":1}}"#)
        #expect(office.told.withLock { $0.contains { $0.topic == "operation.events" } })
    }

    @Test(arguments: [true, false])
    func anEndThatIsToldTwiceHasOneIdAndOneTime(succeeds: Bool) async throws {
        let office = try await Office()
        let command = try await office.ask()
        let work: @Sendable (Job, JobRunner.Progress) async throws -> [UInt8] = { _, _ in
            if !succeeds { throw Failure(.deadLetter, label: "refused", message: "the group has members") }
            return Array(#"{"n":1}"#.utf8)
        }
        // All was told, and the process ends before it notes so: who takes the job over tells it again, once the lease is over.
        office.forgetsFor.withLock { $0 = 1 }
        try await office.run([office.runner(lease: .seconds(1), work)]) {
            try await office.state(command.operation).hasPrefix(succeeds ? "succeeded told" : "failed told")
        }
        let audit = "\(command.operation)/\(succeeds ? "succeeded" : "failed")"
        for id in [audit, "\(command.operation)/2/\(MessageType.operationFinished.rawValue)"] {
            let tellings = office.tellings(id)
            // The audit knows a copy by its id and its time.
            #expect(tellings.count == 2 && Set(tellings).count == 1, "\(tellings)")
        }
        let ended = try await office.store().ended(command.operation)
        #expect(try office.audit()[audit]?.at == ended)
        let finished = office.finished.withLock { $0.map(\.id) }
        #expect(finished == [command.operation, command.operation])
    }

    @Test func aBeginningThatIsToldTwiceHasOneIdAndOneTime() async throws {
        let office = try await Office()
        let asked = Timestamp(ms: Timestamp.now.ms - 60_000)
        let command = OpsCommand(
            operation: .make(nowMs: asked.ms, shard: Shard(truncating: 7)), user: UserID(.version7(nowMs: 1, shard: Shard(truncating: 0))),
            request: .importing(ndjson: "x"), origin: .init(address: "127.0.0.1", agent: "test", requestID: "r"))
        try await office.deliver(command)
        try await office.deliver(command)
        let tellings = office.tellings("\(command.operation)/accepted")
        #expect(tellings.count == 2 && Set(tellings).count == 1, "\(tellings)")
        #expect(try office.audit()["\(command.operation)/accepted"]?.at == asked)
    }

    @Test func aJobThatCouldNotBeBegunIsToldTwiceWithOneIdAndOneTime() async throws {
        let office = try await Office()
        let command = OpsCommand(
            operation: .make(nowMs: Timestamp.now.ms, shard: Shard(truncating: 7)), user: UserID(.version7(nowMs: 1, shard: Shard(truncating: 0))),
            request: .importing(ndjson: "x"), origin: .init(address: nil, agent: nil, requestID: nil))
        office.forgetsFor.withLock { $0 = 1 }
        await #expect(throws: Office.Deaf.self) { try await office.giveUp(command) }
        let ended = try await office.store().ended(command.operation)
        // Some milliseconds on, so that the time of the second telling would be another.
        let limit = ContinuousClock.now + .seconds(10)
        while Timestamp.now.ms <= ended.ms + 2, ContinuousClock.now < limit { await Task.yield() }
        try await office.giveUp(command)
        let tellings = office.tellings("\(command.operation)/failed")
        #expect(tellings.count == 2 && Set(tellings).count == 1, "\(tellings)")
        #expect(try office.audit()["\(command.operation)/failed"]?.at == ended)
    }

    @Test func aJobThatCouldNotBeBegunEndsItsOperation() async throws {
        let office = try await Office()
        let command = OpsCommand(
            operation: .make(nowMs: Timestamp.now.ms, shard: Shard(truncating: 1)), user: UserID(.version7(nowMs: 1, shard: Shard(truncating: 0))),
            request: .importing(ndjson: "x"), origin: .init(address: nil, agent: nil, requestID: nil))
        #expect(try await office.store().refuse(command.pending.finished(error: (.internalError, "no"))))
        let begun = try await office.ask()
        #expect(try await !office.store().refuse(begun.pending.finished(error: (.internalError, "no"))))
    }

    @Test func textsThatJSONbWouldRefuseAreKept() async throws {
        let office = try await Office()
        let command = try await office.ask(.importing(ndjson: "{\"value\":\"\u{0}\u{1}é\"}\n"))
        #expect(try await office.store().take()?.command == command)
    }
}
