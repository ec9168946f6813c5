/// How far a consumer group is behind on one partition. What could not be asked is nil, never 0.
public struct PartitionLag: Sendable, Hashable {
    /// The group's name.
    public var group: String
    /// The topic's name.
    public var topic: String
    /// The partition's number.
    public var partition: Int32
    /// The next offset that the group will read; nil where it has committed none, or where that is not known (``messages`` is nil then).
    public var committed: Int64?
    /// The offset that the next record will get.
    public var end: Int64?
    /// Records that are kept and not committed; all that are kept where the group has committed nothing.
    public var messages: Int64?
    /// Age of the oldest of them by its own time, in seconds; 0 where there is none.
    public var seconds: Double?
    /// Records written a second, over the window.
    public var rateIn: Double?
    /// Records committed a second, over the window; nil also where the group went back.
    public var rateOut: Double?
    /// What the rules make of it.
    public var status: LagStatus

    /// A lag by hand, as tests make it; by default nothing is known.
    public init(
        group: String, topic: String, partition: Int32, committed: Int64? = nil, end: Int64? = nil, messages: Int64? = nil, seconds: Double? = nil,
        rateIn: Double? = nil, rateOut: Double? = nil, status: LagStatus = .unknown
    ) {
        self.group = group
        self.topic = topic
        self.partition = partition
        self.committed = committed
        self.end = end
        self.messages = messages
        self.seconds = seconds
        self.rateIn = rateIn
        self.rateOut = rateOut
        self.status = status
    }
}

/// How far a consumer group is behind. Its sums are nil as soon as one part of them is not known.
public struct GroupLag: Sendable, Hashable {
    /// The group's name.
    public var group: String
    /// How many consumers are members now; nil where that is not known.
    public var members: Int?
    /// Its partitions, by topic and number. Those that are known from before stay, without figures, while they cannot be asked.
    public var partitions: [PartitionLag]
    /// Topics that it should read and of which nothing is known, not even the partitions.
    public var missing: [String]

    /// A lag by hand, as tests make it.
    public init(group: String, members: Int? = nil, partitions: [PartitionLag] = [], missing: [String] = []) {
        self.group = group
        self.members = members
        self.partitions = partitions
        self.missing = missing
    }

    /// Whether the messages behind are known for every partition.
    public var isComplete: Bool { missing.isEmpty && !partitions.isEmpty && partitions.allSatisfy { $0.messages != nil } }
    /// Messages behind, on all partitions together.
    public var messages: Int64? { total { $0.messages } }
    /// Records written a second, on all partitions together.
    public var rateIn: Double? { total { $0.rateIn } }
    /// Records committed a second, on all partitions together.
    public var rateOut: Double? { total { $0.rateOut } }
    /// The greatest age of a record not committed, in seconds.
    public var seconds: Double? {
        let known = partitions.compactMap(\.seconds)
        return missing.isEmpty && known.count == partitions.count ? known.max() : nil
    }
    /// The worst of its partitions; `.unknown` where one of its topics is missing and no partition is worse.
    public var status: LagStatus { .worst(partitions.map(\.status) + missing.map { _ in .unknown }) }

    /// The same with the partitions of some topics only.
    public func only(topics: Set<String>) -> GroupLag {
        GroupLag(
            group: group, members: members, partitions: partitions.filter { topics.contains($0.topic) }, missing: missing.filter(topics.contains))
    }

    private func total<Number: AdditiveArithmetic>(_ part: (PartitionLag) -> Number?) -> Number? {
        let known = partitions.compactMap(part)
        return missing.isEmpty && !known.isEmpty && known.count == partitions.count ? known.reduce(.zero, +) : nil
    }
}
