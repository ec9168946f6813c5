import KafkaClient

/// Messages of retry topics that are not due yet, by the moment at which they are.
struct DelayedMessages {
    private var entries: [(due: ContinuousClock.Instant, message: KafkaMessage)] = []
    private var head = 0
    /// Of keys and values.
    private(set) var bytes = 0

    var count: Int { entries.count - head }

    /// When the next one is due.
    var nextDue: ContinuousClock.Instant? { head < entries.count ? entries[head].due : nil }

    /// Puts a message in its place; most come in order, so that is the end.
    mutating func insert(_ message: KafkaMessage, due: ContinuousClock.Instant) {
        var low = head
        var high = entries.count
        if let last = entries.last, last.due <= due { low = high }
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].due <= due { low = middle + 1 } else { high = middle }
        }
        entries.insert((due, message), at: low)
        bytes += message.sizeBytes
    }

    /// Takes out the next message that is due.
    mutating func takeDue(at now: ContinuousClock.Instant) -> KafkaMessage? {
        guard head < entries.count, entries[head].due <= now else { return nil }
        let message = entries[head].message
        bytes -= message.sizeBytes
        head += 1
        if head > 64, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return message
    }
}

extension KafkaMessage {
    /// What a message weighs against the limits: key and value, as the consumer counts.
    var sizeBytes: Int { (key?.count ?? 0) + (value?.count ?? 0) }
}
