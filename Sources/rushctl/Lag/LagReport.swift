import Lag

/// What `rushctl lag --json` prints. What is not known is null.
struct LagReport: Encodable {
    private let groups: [Members]
    private let ok: Bool

    init(_ groups: [GroupLag]) {
        self.groups = groups.map(Self.members)
        ok = groups.allSatisfy { $0.status == .ok }
    }

    private static func members(_ lag: GroupLag) -> Members {
        Members([
            "group": lag.group, "status": lag.status, "members": lag.members, "messages": lag.messages, "seconds": lag.seconds, "rateIn": lag.rateIn,
            "rateOut": lag.rateOut, "missingTopics": lag.missing, "partitions": lag.partitions.map(members),
        ])
    }

    private static func members(_ lag: PartitionLag) -> Members {
        Members([
            "topic": lag.topic, "partition": lag.partition, "status": lag.status, "committed": lag.committed, "end": lag.end,
            "messages": lag.messages, "seconds": lag.seconds, "rateIn": lag.rateIn, "rateOut": lag.rateOut,
        ])
    }

    /// The members of an object, those too that are null: an encoder's own way leaves out what is not known.
    private struct Members: Encodable {
        private struct Key: CodingKey {
            let stringValue: String
            let intValue: Int? = nil
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { return nil }
        }

        private let members: KeyValuePairs<String, any Encodable>

        init(_ members: KeyValuePairs<String, any Encodable>) { self.members = members }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            for (name, value) in members { try container.encode(value, forKey: Key(stringValue: name)) }
        }
    }
}
