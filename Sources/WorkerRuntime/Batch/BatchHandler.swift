public import KafkaClient

/// What a projection does: applies whole batches, in place, in order.
///
/// The runtime calls it from one task at a time. A batch may come again, whole or in part, after a crash, a rebalance or a failure: applying must
/// have the effect once (version-checked upserts).
public protocol BatchHandler: Sendable {
    /// A decoded message.
    associatedtype Item: Sendable

    /// Reads one message; nil skips it.
    /// - Throws: anything; such a message goes to the DLQ at once, as the same bytes would fail again.
    func decode(_ message: KafkaMessage) throws -> Item?

    /// Applies items, all or none, in the order of their partitions.
    /// - Throws: what kept it from applying. By its ``Failure`` it is tried again, waited for, or the batch is divided to find the item to blame.
    func apply(_ items: [BatchItem<Item>]) async throws
}

/// A decoded message with the record that it came from.
public struct BatchItem<Value: Sendable>: Sendable {
    /// What `decode` made of it.
    public let value: Value
    /// The record.
    public let message: KafkaMessage

    /// Makes an item by hand, as tests do.
    public init(value: Value, message: KafkaMessage) {
        self.value = value
        self.message = message
    }
}
