import Lag

/// What `rushctl lag --json` prints. What is not known is null.
struct LagReport: Encodable {
    private let groups: [Group]
    private let ok: Bool

    init(_ groups: [GroupLag]) {
        self.groups = groups.map(Group.init)
        ok = groups.allSatisfy { $0.status == .ok }
    }

    private struct Group: Encodable {
        let lag: GroupLag

        init(_ lag: GroupLag) { self.lag = lag }

        private enum Key: String, CodingKey {
            case group, status, members, messages, seconds, rateIn, rateOut, missingTopics, partitions
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(lag.group, forKey: .group)
            try container.encode(lag.status, forKey: .status)
            // Not `encodeIfPresent`, which would leave out what is not known.
            try container.encode(lag.members, forKey: .members)
            try container.encode(lag.messages, forKey: .messages)
            try container.encode(lag.seconds, forKey: .seconds)
            try container.encode(lag.rateIn, forKey: .rateIn)
            try container.encode(lag.rateOut, forKey: .rateOut)
            try container.encode(lag.missing, forKey: .missingTopics)
            try container.encode(lag.partitions.map(Partition.init), forKey: .partitions)
        }
    }

    private struct Partition: Encodable {
        let lag: PartitionLag

        init(_ lag: PartitionLag) { self.lag = lag }

        private enum Key: String, CodingKey {
            case topic, partition, status, committed, end, messages, seconds, rateIn, rateOut
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(lag.topic, forKey: .topic)
            try container.encode(lag.partition, forKey: .partition)
            try container.encode(lag.status, forKey: .status)
            try container.encode(lag.committed, forKey: .committed)
            try container.encode(lag.end, forKey: .end)
            try container.encode(lag.messages, forKey: .messages)
            try container.encode(lag.seconds, forKey: .seconds)
            try container.encode(lag.rateIn, forKey: .rateIn)
            try container.encode(lag.rateOut, forKey: .rateOut)
        }
    }
}
