import Testing

@testable import Lag

/// The rules alone: a window of 60 s that ends at 1,000 s.
struct LagRulesTests {
    private static let nowMs: Int64 = 1_000_000
    private let rules = LagRules(windowMs: 60_000)

    /// Observations 10 s apart, the last one now; each with the messages behind.
    private func seen(_ messages: Int64...) -> [LagObservation] {
        messages.enumerated().map { index, messages in
            LagObservation(
                atMs: Self.nowMs - 10_000 * Int64(6 - index), committed: 100, end: 100 + messages, messages: messages)
        }
    }

    /// Commits by seconds ago and offset.
    private func committed(_ commits: (secondsAgo: Int64, offset: Int64)...) -> [LagCommit] {
        commits.map { LagCommit(atMs: Self.nowMs - 1000 * $0.secondsAgo, offset: $0.offset) }
    }

    private func status(
        _ observations: [LagObservation], _ commits: [LagCommit], oldestSecondsAgo: Int64? = nil, knowsCommits: Bool = true
    ) -> LagStatus {
        let history = LagHistory(
            observations: observations, commits: commits, oldestMs: oldestSecondsAgo.map { Self.nowMs - 1000 * $0 },
            commitsSinceMs: knowsCommits ? Self.nowMs - 120_000 : nil)
        return rules.status(history, nowMs: Self.nowMs)
    }

    @Test func withoutAnObservationNothingIsKnown() {
        #expect(status([], committed((10, 5))) == .unknown)
    }

    @Test func nothingBehindIsWellWhateverWasBefore() {
        #expect(status(seen(9, 9, 9, 9, 9, 9, 0), committed((50, 80), (20, 60))) == .ok)
        #expect(status(seen(0, 0, 0, 0, 0, 0, 0), []) == .ok)
    }

    @Test func noCommitForAWindowWhileRecordsWaitIsStopped() {
        #expect(status(seen(5, 5, 6, 6, 7, 7, 8), committed((90, 100)), oldestSecondsAgo: 90) == .stopped)
        // Also for a group that has never committed, and for one that is seen for the first time.
        #expect(status(seen(5, 5, 6, 6, 7, 7, 8), [], oldestSecondsAgo: 90) == .stopped)
        #expect(status([LagObservation(atMs: Self.nowMs, committed: 100, end: 105, messages: 5)], [], oldestSecondsAgo: 90) == .stopped)
    }

    @Test func anIdleGroupThatGetsItsFirstRecordIsNotStopped() {
        #expect(status(seen(0, 0, 0, 0, 0, 0, 3), committed((900, 100)), oldestSecondsAgo: 2) == .ok)
        // Not seen before: the record's own age tells that it has not waited for a window.
        #expect(status([LagObservation(atMs: Self.nowMs, committed: 100, end: 103, messages: 3)], [], oldestSecondsAgo: 2) == .ok)
    }

    @Test func recordsWithOldTimesThatCameJustNowAreNotStopped() {
        #expect(status(seen(0, 0, 0, 0, 0, 0, 3), committed((900, 100)), oldestSecondsAgo: 90_000) == .ok)
    }

    @Test func aCommitWithinTheWindowIsNotStopped() {
        #expect(status(seen(8, 8, 7, 7, 6, 6, 5), committed((90, 90), (59, 95)), oldestSecondsAgo: 90) == .ok)
    }

    @Test func whereCommitsOnlyShowAsMovementStoppedAsksForAWatchedWindow() {
        #expect(status(seen(5, 5, 6, 6, 7, 7, 8), [], oldestSecondsAgo: 90, knowsCommits: false) == .stopped)
        let short = [LagObservation(atMs: Self.nowMs - 10_000, committed: 100, end: 105, messages: 5), seen(5, 5, 5, 5, 5, 5, 5)[6]]
        #expect(status(short, [], oldestSecondsAgo: 90, knowsCommits: false) == .ok)
    }

    @Test func committingTheSameOffsetWhileRecordsWaitIsStalled() {
        #expect(status(seen(5, 5, 6, 6, 7, 7, 8), committed((50, 100), (30, 100), (5, 100)), oldestSecondsAgo: 90) == .stalled)
    }

    @Test func twoEqualCommitsCloseTogetherAreNotStalled() {
        #expect(status(seen(5, 5, 6, 6, 7, 6, 8), committed((6, 100), (5, 100)), oldestSecondsAgo: 90) == .ok)
    }

    @Test func aGroupThatHadNothingLeftWithinTheWindowIsNotStalled() {
        #expect(status(seen(0, 5, 6, 6, 7, 7, 8), committed((50, 100), (30, 100), (5, 100)), oldestSecondsAgo: 50) == .ok)
    }

    @Test func lagThatGrowsOverTheWholeWindowIsAWarning() {
        #expect(status(seen(5, 5, 6, 6, 7, 7, 8), committed((50, 90), (30, 95), (5, 100)), oldestSecondsAgo: 20) == .warning)
    }

    @Test func lagThatShrinksOnceOrStaysIsNoWarning() {
        let moving = committed((50, 90), (30, 95), (5, 100))
        #expect(status(seen(5, 5, 6, 5, 7, 7, 8), moving) == .ok)
        #expect(status(seen(5, 5, 5, 5, 5, 5, 5), moving) == .ok)
    }

    @Test func lagThatGrewForLessThanTheWindowIsNoWarning() {
        #expect(status(Array(seen(5, 5, 6, 6, 7, 7, 8).suffix(4)), committed((50, 90), (30, 95), (5, 100))) == .ok)
    }

    @Test func anOffsetThatGoesBackIsRewound() {
        #expect(status(seen(5, 5, 6, 6, 7, 7, 8), committed((50, 90), (30, 40), (5, 60)), oldestSecondsAgo: 900) == .rewound)
        // From nothing left, as a reset for a replay does; and from a commit older than the window.
        #expect(status(seen(0, 0, 0, 0, 0, 0, 50), committed((900, 90), (3, 40)), oldestSecondsAgo: 900) == .rewound)
    }

    @Test func aRewindOlderThanTheWindowIsForgotten() {
        #expect(status(seen(9, 8, 7, 6, 5, 4, 3), committed((90, 80), (70, 40), (30, 60), (5, 70)), oldestSecondsAgo: 90) == .ok)
    }
}
