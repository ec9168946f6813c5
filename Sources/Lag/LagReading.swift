import KafkaClient
import Logging

/// One round of questions about groups: what they committed, then what their topics hold, so that no commit lies beyond an end that is older.
struct LagReading: Sendable {
    /// A partition as it stands for a group.
    struct State: Sendable {
        let committed: Int64?
        let range: KafkaOffsetRange

        /// The next record that the group will get. Retention may have taken those from its commit on.
        var next: Int64 { max(committed ?? range.low, range.low) }
        /// nil where the commit lies beyond the end: what the group had read was lost with its topic, so nobody knows what it has not.
        var messages: Int64? { next <= range.high ? range.high - next : nil }
    }

    /// What the answers say of one group.
    struct Group: Sendable {
        let name: String
        let members: Int?
        /// What it reads.
        let topics: [String]
        /// Partitions of which everything is known.
        var states: [KafkaTopicPartition: State] = [:]
        /// Partitions that are there.
        var partitions: Set<KafkaTopicPartition> = []

        func partitions(of topic: String) -> Set<KafkaTopicPartition> { partitions.filter { $0.topic == topic } }

        func observations(atMs: Int64) -> [(LagPlace, LagObservation)] {
            states.compactMap { partition, state in
                guard let messages = state.messages else { return nil }
                let observation = LagObservation(atMs: atMs, committed: state.committed, end: state.range.high, messages: messages)
                return (LagPlace(group: name, partition: partition), observation)
            }
        }
    }

    let groups: [Group]

    /// Asks. After a question that met no broker nothing more is asked.
    static func take(_ targets: [LagTarget], admin: KafkaAdmin, logger: Logger) async -> LagReading {
        let asker = Asker(logger: logger)
        let members = await asker.ask { () throws(KafkaError) in try await admin.groups() }
        var committed: [String: [KafkaTopicPartition: Int64]] = [:]
        for group in Set(targets.map(\.group)) {
            committed[group] = await asker.ask { () throws(KafkaError) in try await admin.committedOffsets(group: group) }
        }
        let wanted = targets.map { target in (target, target.topics ?? Set((committed[target.group] ?? [:]).keys.map(\.topic)).sorted()) }
        var ranges: [String: [Int32: KafkaOffsetRange]] = [:]
        for topic in Set(wanted.flatMap(\.1)) {
            ranges[topic] = await asker.ask { () throws(KafkaError) in try await admin.offsets(topic: topic) }
        }
        return LagReading(
            groups: wanted.map { target, topics in
                // A group that nobody has joined yet is not in the list.
                let count = members.map { list in list.first { $0.name == target.group }?.members ?? 0 }
                var group = Group(name: target.group, members: count, topics: topics)
                for topic in topics {
                    for (number, range) in ranges[topic] ?? [:] {
                        let partition = KafkaTopicPartition(topic: topic, partition: number)
                        group.partitions.insert(partition)
                        if let offsets = committed[target.group] { group.states[partition] = State(committed: offsets[partition], range: range) }
                    }
                }
                return group
            })
    }

    /// Asks until one question finds no broker.
    private actor Asker {
        private let logger: Logger
        private var isAway = false

        init(logger: Logger) { self.logger = logger }

        func ask<T: Sendable>(_ question: @Sendable () async throws(KafkaError) -> T) async -> T? {
            if isAway { return nil }
            do throws(KafkaError) {
                return try await question()
            } catch {
                isAway = error.disposition == .outage && error.code != .unknownTopic
                logger.debug("lag cannot be asked", metadata: ["error.class": "\(error.label)"])
                return nil
            }
        }
    }
}
