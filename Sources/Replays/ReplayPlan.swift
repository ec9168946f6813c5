/// What a replay would do.
public struct ReplayPlan: Sendable, Encodable {
    /// What is read of one partition.
    public struct Partition: Sendable, Encodable {
        public let topic: String
        public let partition: Int32
        /// The first offset.
        public let from: Int64
        /// The offset after the last.
        public let until: Int64
        /// Records from `from` to `until`.
        public let records: Int64
        /// How many of them fit the filter; nil without one.
        public var matching: Int64?
        /// The group's offset now, when a group is set back.
        public let committed: Int64?
    }

    public let request: ReplayRequest
    public var partitions: [Partition]
    /// Records that are read.
    public let records: Int64
    /// Records that are handled again.
    public var selected: Int64
    /// How long it takes; nil where that is up to others.
    public let estimatedSeconds: Double?
    /// What stands in the way, for people; empty when nothing does.
    public let obstacles: [String]
    /// What else should be known, for people.
    public let notes: [String]
    /// Whether the group has members that are in the way.
    public let hasMembers: Bool
}

/// How far a replay is.
public struct ReplayProgress: Sendable, Encodable {
    public let id: String
    /// What it is doing: `reading`, `indexing`, `comparing`, `swapping`, `setting offsets`, `scanning`.
    public let phase: String
    /// Records read.
    public let read: Int64
    /// Records to be read in all.
    public let total: Int64
    /// Records handed on.
    public let taken: Int64
    /// Records read a second, since it was begun or resumed.
    public let perSecond: Double
    /// Seconds that are left at that rate; nil while that is not known.
    public let secondsLeft: Double?
}

/// What came of a replay.
public struct ReplayReport: Sendable, Codable {
    public let id: String
    public let kind: String
    public let target: String
    public let topic: String
    /// Records read.
    public var read: Int64
    /// Records handed on: sent to the worker, or made rows of.
    public var taken: Int64
    /// Records that are no messages or that PostgreSQL refused, passed over.
    public var leftOut: Int64
    /// Seconds of the last stretch, since it was begun or resumed.
    public var seconds: Double
    /// Offsets that a group was set to, by partition.
    public var offsets: [String: Int64]?
    /// The tables before and after, of a rebuild.
    public var tables: [TableComparison]?
}

/// A replay as its row says.
public struct ReplaySummary: Sendable, Encodable {
    /// How it stands.
    public enum Status: String, Sendable, Encodable {
        /// Somebody works at it.
        case running
        /// Nobody works at it, and it can be resumed.
        case interrupted
        case succeeded
        case failed
    }

    public let id: String
    public let kind: String
    public let target: String
    public let actor: String
    public let request: ReplayRequest
    public let status: Status
    public let read: Int64
    public let total: Int64
    public let taken: Int64
    public let error: String?
    public let report: ReplayReport?
    /// RFC 3339.
    public let createdAt: String
    public let updatedAt: String
}
