public import KafkaClient

/// What works on many messages with few steps does (a projection, commands without waits of their own): applies whole batches, in place, in order.
///
/// The runtime calls it from one task at a time. A batch may come again, whole or in part, after a crash, a rebalance or a failure: applying must
/// have the effect once (version-checked upserts, an inbox).
public protocol BatchHandler: Sendable {
    /// A decoded message.
    associatedtype Item: Sendable

    /// Reads one message; nil skips it.
    /// - Throws: anything; such a message goes to the DLQ at once, as the same bytes would fail again.
    func decode(_ message: KafkaMessage) throws -> Item?

    /// Applies items, in the order of their partitions.
    /// - Returns: those that can never succeed, where the handler knows them; they go to the DLQ, and all others are applied.
    /// - Throws: what kept it from applying, all or some. By its ``Failure`` it is tried again, waited for, or the batch is divided to find the item
    ///   to blame.
    func apply(_ items: [BatchItem<Item>]) async throws -> [Refusal]

    /// Ends what given up messages began, such as an operation that somebody waits for. They are in the DLQ; their offsets are not committed yet.
    ///
    /// It may come again for the same messages. The default does nothing.
    /// - Throws: by its ``Failure`` it is waited for, or tried again a limited number of times and then left out.
    func gaveUp(_ messages: [GivenUpMessage]) async throws
}

extension BatchHandler {
    public func gaveUp(_ messages: [GivenUpMessage]) async throws {}
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
