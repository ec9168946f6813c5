/// The settings of one topic: Kafka's names, checked, with Kafka's defaults.
struct TopicConfiguration: Sendable, Equatable {
    /// A setting that this broker knows.
    struct Setting: Sendable {
        let name: String
        let defaultValue: String
        let accepts: @Sendable (String) -> Bool
    }

    /// Every setting that may be set. Those of the second part are accepted because scripts set them, and mean nothing on one node.
    static let settings: [Setting] = [
        Setting(name: "cleanup.policy", defaultValue: "delete") { $0 == "delete" },
        Setting(name: "compression.type", defaultValue: "producer") { $0 == "producer" },
        Setting(name: "max.message.bytes", defaultValue: "1048588", accepts: integer(0...Int64(BrokerLimits.maxFrameBytes))),
        Setting(name: "message.timestamp.type", defaultValue: "CreateTime") { $0 == "CreateTime" },
        Setting(name: "retention.bytes", defaultValue: "-1", accepts: integer(-1...Int64.max)),
        Setting(name: "retention.ms", defaultValue: "604800000", accepts: integer(-1...Int64.max)),
        Setting(name: "segment.bytes", defaultValue: "67108864", accepts: integer(1_024...Int64(Int32.max))),
        Setting(name: "segment.ms", defaultValue: "604800000", accepts: integer(1...Int64.max)),

        Setting(name: "delete.retention.ms", defaultValue: "86400000", accepts: integer(0...Int64.max)),
        Setting(name: "file.delete.delay.ms", defaultValue: "60000", accepts: integer(0...Int64.max)),
        Setting(name: "flush.messages", defaultValue: "9223372036854775807", accepts: integer(1...Int64.max)),
        Setting(name: "flush.ms", defaultValue: "9223372036854775807", accepts: integer(0...Int64.max)),
        Setting(name: "min.insync.replicas", defaultValue: "1", accepts: integer(1...Int64(Int32.max))),
        Setting(name: "unclean.leader.election.enable", defaultValue: "false") { $0 == "true" || $0 == "false" },
    ]

    /// What was set, by name.
    private(set) var overrides: [String: String] = [:]
    /// The largest batch, in bytes.
    private(set) var maxMessageBytes = 1_048_588
    /// -1 is for ever.
    private(set) var retentionMs: Int64 = 604_800_000
    /// -1 is without limit.
    private(set) var retentionBytes: Int64 = -1
    private(set) var segmentBytes: Int64 = 64 * 1_024 * 1_024
    private(set) var segmentMs: Int64 = 604_800_000

    /// Checks `overrides`.
    /// - Throws: what is wrong with the first bad one, in words for the client.
    init(overrides: [String: String]) throws(InvalidSetting) {
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
            guard let setting = Self.settings.first(where: { $0.name == name }) else {
                throw InvalidSetting(description: "unknown topic configuration \(name)")
            }
            guard setting.accepts(value) else { throw InvalidSetting(description: "invalid value \(value) for \(name)") }
        }
        self.overrides = overrides
        maxMessageBytes = Int(number("max.message.bytes"))
        retentionMs = number("retention.ms")
        retentionBytes = number("retention.bytes")
        segmentBytes = number("segment.bytes")
        segmentMs = number("segment.ms")
    }

    /// The defaults.
    static let standard = TopicConfiguration()

    private init() {}

    /// The value of `setting` in this topic.
    func value(of setting: Setting) -> String {
        overrides[setting.name] ?? setting.defaultValue
    }

    private func number(_ name: String) -> Int64 {
        Self.settings.first { $0.name == name }.flatMap { Int64(value(of: $0)) } ?? -1
    }

    private static func integer(_ range: ClosedRange<Int64>) -> @Sendable (String) -> Bool {
        { value in Int64(value).map(range.contains) ?? false }
    }
}

/// A topic setting that is not known or has a value that is not allowed.
struct InvalidSetting: Error, CustomStringConvertible {
    let description: String
}
