import Domain
import Logging
import Synchronization
import Testing

@testable import Ingress

@Suite struct QueueBoardTests {
    private let event = EventID(UUIDBits(high: 1, low: 1))

    /// A board whose reads are counted and answered by `line`.
    private struct Desk {
        let waiters = Waiters()
        let board: QueueBoard
        private let reads = Reads()

        private final class Reads: Sendable { let all = Mutex<[[UserID]]>([]) }

        var asked: [[UserID]] { reads.all.withLock { $0 } }

        init(_ line: @escaping @Sendable (UserID) -> QueueEntry?) {
            board = QueueBoard(waiters: waiters, logger: Logger(label: "test")) { [reads] _, users in
                reads.all.withLock { $0.append(users) }
                return users.map(line)
            }
        }
    }

    private func id(_ number: Int) -> QueueEntryID { QueueEntryID(UUIDBits(high: 3 | 7 << 12, low: UInt64(number))) }

    private func user(_ number: Int) -> UserID { UserID(UUIDBits(high: 2, low: UInt64(number))) }

    private func entry(_ number: Int, _ status: QueueEntry.Status = .waiting, position: Int64? = nil, atMs: Int64 = 0) -> QueueEntry {
        QueueEntry(
            id: id(number), event: event, user: user(number), status: status, position: position,
            estimatedWaitSeconds: nil, joinedAt: Timestamp(ms: 0), updatedAt: Timestamp(ms: status == .waiting ? 0 : atMs), passExpiresAt: nil,
            viewedAt: Timestamp(ms: atMs))
    }

    private func told(_ number: Int, _ status: QueueEntry.Status) throws -> QueueEvent {
        try QueueEvent(
            json: Array(
                """
                {"entry_id":"\(id(number))","event_id":"\(event)","tenant_id":"\(event)","user_id":"\(user(number))","status":"\(status.rawValue)","number":1,\
                "version":2,"joined_at_ms":0,"updated_at_ms":9000}
                """.utf8))
    }

    private func departures(_ count: Int) throws -> [QueueEvent] { try (0..<count).map { try told(1000 + $0, .left) } }

    @Test func nobodyIsReadWhileNobodyLeavesTheLine() async throws {
        let desk = Desk { _ in nil }
        let one = entry(1, position: 100)
        let subscription = try #require(desk.waiters.subscribe(one.id.bits))
        desk.board.watch(one, known: one.version)
        await desk.board.look(at: .now + .seconds(60))
        #expect(desk.asked.isEmpty)
        desk.waiters.end(subscription)
    }

    @Test func anAdmissionWakesItsOwnerAndNobodyAsksRedis() async throws {
        let desk = Desk { _ in nil }
        let entries = [entry(1, position: 1), entry(2, position: 2)]
        let subscriptions = try entries.map { try #require(desk.waiters.subscribe($0.id.bits)) }
        for entry in entries { desk.board.watch(entry, known: entry.version) }
        desk.board.take([try told(1, .admitted)])
        #expect(await desk.waiters.wait(subscriptions[0], until: .now + .seconds(10)))
        let fresh = try #require(desk.board.fresh(user(1), of: event))
        #expect(fresh.status == .admitted && fresh.differs(from: entries[0].version))
        #expect(desk.board.fresh(user(2), of: event) == nil)
        #expect(desk.asked.isEmpty)
        for subscription in subscriptions { desk.waiters.end(subscription) }
    }

    @Test func onlyThoseAreReadWhoMayHaveMovedByFivePerCentAndNotBeforeFiveSeconds() async throws {
        let entries = [entry(1, position: 20), entry(2, position: 1000)]
        let moved = entry(1, position: 18, atMs: 6000)
        let desk = Desk { $0 == moved.user ? moved : nil }
        let subscriptions = try entries.map { try #require(desk.waiters.subscribe($0.id.bits)) }
        for entry in entries { desk.board.watch(entry, known: entry.version) }
        desk.board.take(try departures(2))
        await desk.board.look(at: .now + .seconds(1))
        #expect(desk.asked.isEmpty)
        await desk.board.look(at: .now + .seconds(6))
        #expect(desk.asked == [[user(1)]])
        #expect(desk.board.fresh(user(1), of: event) == moved)
        #expect(await desk.waiters.wait(subscriptions[0], until: .now + .seconds(10)), "it was woken")
        for subscription in subscriptions { desk.waiters.end(subscription) }
    }

    @Test func whoeverKnowsAnOlderPlaceIsLookedAtAfterFiveSeconds() async throws {
        let (known, now) = (entry(1, position: 20), entry(1, position: 18, atMs: 1000))
        let later = entry(1, position: 18, atMs: 7000)
        let desk = Desk { _ in later }
        let subscription = try #require(desk.waiters.subscribe(now.id.bits))
        // Moved by 10 % since, but too soon to be told.
        #expect(!now.differs(from: known.version))
        desk.board.watch(now, known: known.version)
        await desk.board.look(at: .now + .seconds(6))
        #expect(await desk.waiters.wait(subscription, until: .now + .seconds(10)))
        desk.waiters.end(subscription)
    }

    @Test func whoeverNobodyWaitsForIsForgotten() async throws {
        let one = entry(1, position: 1)
        let desk = Desk { _ in one }
        desk.board.watch(one, known: one.version)
        desk.board.take(try departures(5))
        await desk.board.look(at: .now + .seconds(60))
        #expect(desk.asked.isEmpty)
    }

    @Test func arrivalsAreToldOnce() {
        let counter = ArrivalCounter(logger: Logger(label: "test")) { _ in }
        for _ in 0..<3 { counter.count(event) }
        #expect(counter.take() == [event: 3])
        #expect(counter.take().isEmpty)
    }
}
