import KafkaClient
import Topics

/// Where topics ended at some times of the window that begins before the first sample, so that the first sample has a window too.
///
/// The records' own times tell it: the first record of a time or later begins what was not there before. Topics that carry other topics' records with
/// their old times are left out.
struct PastEnds: Sendable {
    /// How many times are asked about.
    private static let count: Int64 = 4

    private let ends: [(atMs: Int64, ends: [KafkaTopicPartition: Int64])]

    /// Asks; what is not answered is left out.
    static func ask(_ topics: Set<String>, nowMs: Int64, windowMs: Int64, admin: KafkaAdmin) async -> PastEnds {
        let catalogue = try? TopicCatalogue.load()
        let own = topics.filter { name in Topic(rawValue: name).flatMap { catalogue?[$0] }?.kind.isSecondHand != true }
        var ends: [(atMs: Int64, ends: [KafkaTopicPartition: Int64])] = []
        for number in 0..<count {
            let atMs = nowMs - windowMs + number * windowMs / count
            var found: [KafkaTopicPartition: Int64] = [:]
            for topic in own {
                for (partition, end) in (try? await admin.offsets(topic: topic, sinceMs: atMs)) ?? [:] {
                    found[KafkaTopicPartition(topic: topic, partition: partition)] = end
                }
            }
            ends.append((atMs, found))
        }
        return PastEnds(ends: ends)
    }

    /// What a partition would have been seen to be like, oldest first; times at which the group's commit is not known are left out.
    /// - Parameter commits: all since long before the window, oldest first.
    func observations(of partition: KafkaTopicPartition, _ now: LagReading.State, commits: [LagCommit]) -> [LagObservation] {
        ends.compactMap { atMs, ends in
            guard let end = ends[partition] else { return nil }
            let before = commits.last { $0.atMs <= atMs }
            if before == nil, !commits.isEmpty { return nil }
            let committed = before?.offset ?? now.committed
            let past = min(end, now.range.high)
            let messages = max(0, past - max(committed ?? now.range.low, now.range.low))
            return LagObservation(atMs: atMs, committed: committed, end: past, messages: messages)
        }
    }
}
