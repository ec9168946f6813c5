/// The declared topics, for use in code. The cases and `topics.yaml` name the same topics, which ``TopicCatalogue`` checks both ways when it loads.
public enum Topic: String, Sendable, CaseIterable {
    case bookingCommands = "booking.commands"
    case bookingEvents = "booking.events"
    case paymentCommands = "payment.commands"
    case paymentEvents = "payment.events"
    case refundEvents = "refund.events"
    case queueCommands = "queue.commands"
    case queueEvents = "queue.events"
    case operationEvents = "operation.events"
    case analyticsViews = "analytics.views"
    case analyticsDeadLetters = "analytics.dlq"
    case analyticsRedrives = "analytics.redrive"
    case auditEvents = "audit.events"
    case auditDeadLetters = "audit.dlq"
    case auditRedrives = "audit.redrive"
    case opsCommands = "ops.commands"
    case inventorySyncDeadLetters = "inventory-sync.dlq"
    case expiryDeadLetters = "expiry.dlq"
    case paymentRetry1 = "payment.retry.1"
    case paymentRetry2 = "payment.retry.2"
    case paymentRetry3 = "payment.retry.3"
    case paymentDeadLetters = "payment.dlq"
    case notificationRetry1 = "notification.retry.1"
    case notificationRetry2 = "notification.retry.2"
    case notificationRetry3 = "notification.retry.3"
    case notificationDeadLetters = "notification.dlq"
    case notificationRedrives = "notification.redrive"
    case opsDeadLetters = "ops.dlq"
    case queueReleaseDeadLetters = "queue-release.dlq"
    case inventorySyncRedrives = "inventory-sync.redrive"
    case expiryRedrives = "expiry.redrive"
    case paymentRedrives = "payment.redrive"
    case opsRedrives = "ops.redrive"
    case queueReleaseRedrives = "queue-release.redrive"

    /// The topic's name in Kafka.
    public var name: String { rawValue }

    /// Where a consumer group puts what it gives up on; nil for a group without a declared topic.
    public static func deadLetters(of group: String) -> Topic? { Topic(rawValue: "\(group).dlq") }

    /// Where a consumer group finds what it alone is to handle again; nil for a group without a declared topic.
    public static func redrives(of group: String) -> Topic? { Topic(rawValue: "\(group).redrive") }

    /// Where a consumer group puts what it tries again later, one topic an attempt; empty for a group that tries again in place.
    public static func retries(of group: String) -> [Topic] {
        var topics: [Topic] = []
        while let next = Topic(rawValue: "\(group).retry.\(topics.count + 1)") { topics.append(next) }
        return topics
    }
}
