/// What a partition was seen to be like at one time.
struct LagObservation: Sendable, Hashable {
    /// ms since 1970.
    var atMs: Int64
    /// nil where the group has committed nothing.
    var committed: Int64?
    var end: Int64
    /// Records kept and not committed.
    var messages: Int64
}

/// A commit, as the coordinator wrote it down or as it showed between two observations.
struct LagCommit: Sendable, Hashable {
    /// ms since 1970.
    var atMs: Int64
    var offset: Int64
}

/// What is known of one group's partition over the window; the food of ``LagRules``.
struct LagHistory: Sendable, Hashable {
    /// Oldest first; the last is now.
    private(set) var observations: [LagObservation] = []
    /// Oldest first; of those that came close together only the last, unless the offset went back.
    private(set) var commits: [LagCommit] = []
    /// The time of the oldest record not committed, in ms since 1970; nil where there is none or it is not known.
    var oldestMs: Int64?
    /// Since when every commit is known, in ms since 1970; nil where the coordinator's own list cannot be read, so that commits only show as movement.
    var commitsSinceMs: Int64?

    init() {}

    /// A history by hand, as tests make it.
    init(observations: [LagObservation], commits: [LagCommit], oldestMs: Int64? = nil, commitsSinceMs: Int64? = nil) {
        self.observations = observations
        self.commits = commits
        self.oldestMs = oldestMs
        self.commitsSinceMs = commitsSinceMs
    }

    /// Takes what was so before the first observation.
    mutating func begin(_ past: [LagObservation]) {
        observations = past
    }

    /// Adds what is seen now. A topic whose end went back is a new topic, with a history of its own.
    mutating func observe(_ observation: LagObservation) {
        if let last = observations.last {
            if observation.end < last.end {
                self = LagHistory(observations: [], commits: [], commitsSinceMs: commitsSinceMs)
            } else if let committed = observation.committed, committed != last.committed, committed != commits.last?.offset {
                commits.append(LagCommit(atMs: observation.atMs, offset: committed))
            }
        }
        observations.append(observation)
    }

    /// Adds a commit of the coordinator's list.
    mutating func add(_ commit: LagCommit, spacingMs: Int64) {
        // Seen as movement already, or late.
        if let last = commits.last, commit.atMs < last.atMs { return }
        if commits.count > 1, let last = commits.last, commit.offset >= last.offset {
            let before = commits[commits.count - 2]
            if last.offset >= before.offset, commit.atMs - before.atMs < spacingMs { commits.removeLast() }
        }
        commits.append(commit)
    }

    /// Lets go of what is before the window; one commit and one observation from before it stay, since they tell what was so when it began.
    mutating func forget(beforeMs startMs: Int64) {
        if let kept = observations.lastIndex(where: { $0.atMs <= startMs }) { observations.removeFirst(kept) }
        if let kept = commits.lastIndex(where: { $0.atMs <= startMs }) { commits.removeFirst(kept) }
    }

    /// Growth of a figure a second between the first and the last observation; nil with fewer than two, or where it went back.
    func rate(_ figure: (LagObservation) -> Int64?) -> Double? {
        guard let first = observations.first, let last = observations.last, last.atMs > first.atMs,
            let from = figure(first), let to = figure(last), to >= from
        else { return nil }
        return Double(to - from) * 1000 / Double(last.atMs - first.atMs)
    }
}
