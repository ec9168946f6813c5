import KafkaClient

/// The order of work on messages: one lane per key, or per message, lanes side by side, offsets committed up to the first gap. A pure state machine.
struct MessageLanes {
    /// What identifies a message in hand.
    struct ID: Hashable {
        let partition: KafkaTopicPartition
        let offset: Int64
    }

    private struct LaneKey: Hashable {
        let partition: KafkaTopicPartition
        /// nil for a message that has a lane of its own.
        let key: [UInt8]?
        let offset: Int64
    }

    private struct Lane {
        var waiting: [KafkaMessage] = []
        var isRunning = false
    }

    private let ordersByKey: Bool
    private var lanes: [LaneKey: Lane] = [:]
    /// Lanes whose first message may start, in turn.
    private var ready: [LaneKey] = []
    private var readyHead = 0
    private var partitions: [KafkaTopicPartition: PartitionProgress] = [:]
    /// Messages being handled.
    private(set) var running = 0
    /// Messages accepted and not finished.
    private(set) var inHand = 0
    /// Of their keys and values.
    private(set) var bytes = 0

    /// - Parameter ordersByKey: whether messages of a key wait for each other; those without a key never do.
    init(ordersByKey: Bool = true) {
        self.ordersByKey = ordersByKey
    }

    /// Takes a message that may start at once.
    mutating func accept(_ message: KafkaMessage) {
        expect(message)
        enqueue(message)
    }

    /// Notes a message that will be put in line later, so that nothing behind it is committed before it; within a partition they must come by rising
    /// offset.
    mutating func expect(_ message: KafkaMessage) {
        partitions[message.topicPartition, default: PartitionProgress()].accept(message.offset)
        inHand += 1
        bytes += message.sizeBytes
    }

    /// Puts an expected message in its line.
    mutating func enqueue(_ message: KafkaMessage) {
        let key = laneKey(message)
        let isNew = lanes[key] == nil
        lanes[key, default: Lane()].waiting.append(message)
        if isNew { ready.append(key) }
    }

    /// The next message that may start; nil when every lane is busy or empty.
    mutating func start() -> KafkaMessage? {
        guard readyHead < ready.count else { return nil }
        let key = ready[readyHead]
        readyHead += 1
        if readyHead > 64, readyHead * 2 > ready.count {
            ready.removeFirst(readyHead)
            readyHead = 0
        }
        guard let message = lanes[key]?.waiting.first else { return nil }
        lanes[key]?.isRunning = true
        running += 1
        return message
    }

    /// Ends the handling of a message that was started: for good, or handed back to be started again after the other lanes had their turn.
    mutating func finish(_ message: KafkaMessage, isDone: Bool) {
        let key = laneKey(message)
        guard var lane = lanes[key], lane.isRunning, lane.waiting.first?.offset == message.offset else { return }
        running -= 1
        lane.isRunning = false
        if isDone {
            lane.waiting.removeFirst()
            inHand -= 1
            bytes -= message.sizeBytes
            partitions[message.topicPartition]?.finish(message.offset)
        }
        lanes[key] = lane.waiting.isEmpty ? nil : lane
        if !lane.waiting.isEmpty { ready.append(key) }
    }

    /// The next offsets to read that have risen since they were last taken: everything before them is finished.
    mutating func takeProgress() -> [KafkaTopicPartition: Int64] {
        var progress: [KafkaTopicPartition: Int64] = [:]
        for partition in partitions.keys {
            if let next = partitions[partition]?.take() { progress[partition] = next }
        }
        return progress
    }

    private func laneKey(_ message: KafkaMessage) -> LaneKey {
        let key = ordersByKey ? message.key : nil
        return LaneKey(partition: message.topicPartition, key: key, offset: key == nil ? message.offset : 0)
    }
}

/// Which offsets of a partition are finished, up to the first gap.
struct PartitionProgress {
    private var offsets: [(offset: Int64, isDone: Bool)] = []
    private var head = 0
    private var next: Int64?

    /// Notes a message in hand.
    mutating func accept(_ offset: Int64) {
        offsets.append((offset, false))
    }

    /// Notes that a message is finished.
    mutating func finish(_ offset: Int64) {
        // Offsets rise, so the place is found by halving.
        var low = head
        var high = offsets.count
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        guard low < offsets.count, offsets[low].offset == offset else { return }
        offsets[low].isDone = true
        while head < offsets.count, offsets[head].isDone {
            next = offsets[head].offset + 1
            head += 1
        }
        if head > 64, head * 2 > offsets.count {
            offsets.removeFirst(head)
            head = 0
        }
    }

    /// The next offset to read, if it has risen since the last call.
    mutating func take() -> Int64? {
        defer { next = nil }
        return next
    }
}
