/// The declared topics, for use in code. The cases and `topics.yaml` name the same topics, which ``TopicCatalogue`` checks both ways when it loads.
public enum Topic: String, Sendable, CaseIterable {
    case bookingCommands = "booking.commands"
    case bookingEvents = "booking.events"
    case operationEvents = "operation.events"
    case inventorySyncDeadLetters = "inventory-sync.dlq"
    case expiryDeadLetters = "expiry.dlq"

    /// The topic's name in Kafka.
    public var name: String { rawValue }

    /// Where a consumer group puts what it gives up on; nil for a group without a declared topic.
    public static func deadLetters(of group: String) -> Topic? { Topic(rawValue: "\(group).dlq") }
}
