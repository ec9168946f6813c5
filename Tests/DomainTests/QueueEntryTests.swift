import Domain
import Testing

struct QueueEntryTests {
    private let id = QueueEntryID.make(nowMs: 1_795_000_000_000, shard: Shard(truncating: 5))
    private let event = EventID(UUIDBits(high: 1, low: 2))
    private let user = UserID(UUIDBits(high: 3, low: 4))

    private func view(_ status: QueueEntry.Status = .waiting, position: Int64? = nil, at ms: Int64, updated: Int64 = 0) -> QueueEntry {
        QueueEntry(
            id: id, event: event, user: user, status: status, position: position, estimatedWaitSeconds: nil, joinedAt: Timestamp(ms: 0),
            updatedAt: Timestamp(ms: updated), passExpiresAt: nil, viewedAt: Timestamp(ms: ms))
    }

    @Test func aPositionCountsAsChangedAtFivePercentAndAtMostEveryFiveSeconds() {
        let first = view(position: 1000, at: 10_000)
        #expect(!view(position: 500, at: 14_999).differs(from: first.version), "too soon")
        #expect(!view(position: 951, at: 15_000).differs(from: first.version), "too little")
        #expect(view(position: 950, at: 15_000).differs(from: first.version))
        #expect(view(position: 1050, at: 15_000).differs(from: first.version), "a line may grow before one who waits for the draw")
        #expect(!view(position: 1000, at: 60_000).differs(from: first.version))
        #expect(view(position: 1, at: 16_000).differs(from: view(position: 2, at: 10_000).version))
    }

    @Test func anotherStatusCountsAtOnceAndNeverTwice() {
        let waiting = view(position: 3, at: 10_000)
        let admitted = view(.admitted, at: 10_500, updated: 10_400)
        #expect(admitted.differs(from: waiting.version))
        #expect(!view(.admitted, at: 99_000, updated: 10_400).differs(from: admitted.version))
        #expect(view(.lapsed, at: 99_001, updated: 99_000).differs(from: admitted.version))
        #expect(view(position: 7, at: 10_400, updated: 10_400).differs(from: admitted.version), "who joins anew in the same moment")
    }

    @Test func theDrawCountsAtOnceAndWhatNeverWasAVersionToo() {
        let early = view(at: 10_000)
        #expect(view(position: 5, at: 10_001).differs(from: early.version))
        #expect(!view(at: 10_001).differs(from: early.version))
        for version in [0, -1, 7, Int64.max, Int64.min] { #expect(view(position: 5, at: 10_000, updated: 9_000).differs(from: version)) }
    }

    @Test func versionsRise() {
        let views = [
            view(at: 1), view(position: 900_000, at: 2), view(position: 2_000_000, at: 3), view(position: 1, at: 4),
            view(.admitted, at: 9, updated: 5),
        ]
        #expect(views.map(\.version) == views.map(\.version).sorted() && Set(views.map(\.version)).count == views.count)
    }

    @Test func onlyAnAdmittedPlaceHasAPass() {
        var entry = view(.admitted, at: 2, updated: 1)
        #expect(QueuePass(entry) == nil)
        entry.passExpiresAt = Timestamp(ms: 300_000)
        #expect(QueuePass(entry) == QueuePass(entry: id, event: event, user: user, expiresAt: Timestamp(ms: 300_000)))
        entry.status = .used
        #expect(QueuePass(entry) == nil)
    }

    @Test func aCommandIsReadAsItWasWritten() throws {
        let command = QueueModeCommand(
            operation: .make(nowMs: 1_795_000_000_000, shard: Shard(truncating: 5)), event: event, mode: .random, user: user,
            tenant: TenantID(UUIDBits(high: 5, low: 6)))
        let read = try QueueModeCommand(json: command.json)
        #expect(read == command)
        #expect(throws: JSONError.self) { try QueueModeCommand(json: Array(#"{"mode":"on"}"#.utf8)) }
    }
}
