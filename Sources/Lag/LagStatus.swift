/// How a consumer group does on a partition, in Burrow's words (github.com/linkedin/Burrow, wiki "Consumer Lag Evaluation Rules").
public enum LagStatus: String, Sendable, Hashable, Codable, CaseIterable {
    /// It keeps up, or catches up.
    case ok
    /// It commits and moves, and yet the lag has grown over the whole window.
    case warning
    /// Something could not be asked; never taken for "nothing behind".
    case unknown
    /// A commit within the window lies before the one before it.
    case rewound
    /// It commits, but always the same offset, with records waiting.
    case stalled
    /// It has committed nothing for a whole window, with records waiting for longer.
    case stopped

    /// From good to bad, for the worst of many.
    var severity: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// The worst of some; `.unknown` of none.
    public static func worst(_ statuses: some Sequence<LagStatus>) -> LagStatus {
        statuses.max { $0.severity < $1.severity } ?? .unknown
    }
}
