/// The rules that Burrow made known (core/internal/evaluator/caching.go), over a window of time; no I/O and no clock.
///
/// Two differences: a rewind counts also when the group had nothing left to do before it, since that is what a reset of offsets is; and a warning asks
/// for a lag that grows, where Burrow is content with one that does not shrink.
struct LagRules: Sendable {
    /// How many observations say that a lag grows.
    static let leastObservations = 3

    /// How far back the rules look, in ms.
    let windowMs: Int64

    /// What a partition's history comes to.
    func status(_ history: LagHistory, nowMs: Int64) -> LagStatus {
        guard let now = history.observations.last else { return .unknown }
        if now.messages == 0 { return .ok }
        let startMs = nowMs - windowMs
        let seen = history.observations.filter { $0.atMs >= startMs }
        let commits = history.commits.filter { $0.atMs >= startMs }
        let hadNothing = seen.contains { $0.messages == 0 }
        if commits.isEmpty, !hadNothing, waitedLong(history, startMs) { return .stopped }
        if hasGoneBack(history.commits, startMs) { return .rewound }
        if hadNothing { return .ok }
        if isStuck(commits) { return .stalled }
        if grows(history.observations, startMs) { return .warning }
        return .ok
    }

    /// Whether there was something to do, and no commit, for the whole window. Where commits only show as movement, the window must have been watched.
    private func waitedLong(_ history: LagHistory, _ startMs: Int64) -> Bool {
        let isWatched = history.observations.first.map { $0.atMs <= startMs } ?? false
        let knowsCommits = history.commitsSinceMs.map { $0 <= startMs } ?? isWatched
        return knowsCommits && (history.oldestMs.map { $0 <= startMs } ?? isWatched)
    }

    /// Whether a commit of the window is before its predecessor, which may be older than the window.
    private func hasGoneBack(_ commits: [LagCommit], _ startMs: Int64) -> Bool {
        zip(commits, commits.dropFirst()).contains { before, after in after.atMs >= startMs && after.offset < before.offset }
    }

    /// Whether the same offset is committed over more than half of the window.
    private func isStuck(_ commits: [LagCommit]) -> Bool {
        guard let first = commits.first, let last = commits.last, last.atMs - first.atMs > windowMs / 2 else { return false }
        return commits.allSatisfy { $0.offset == first.offset }
    }

    /// Whether the lag has nowhere shrunk in the whole window and is greater at its end.
    private func grows(_ observations: [LagObservation], _ startMs: Int64) -> Bool {
        guard observations.count >= Self.leastObservations, let first = observations.first, let last = observations.last, first.atMs <= startMs,
            last.messages > first.messages
        else { return false }
        return zip(observations, observations.dropFirst()).allSatisfy { $0.messages <= $1.messages }
    }
}
