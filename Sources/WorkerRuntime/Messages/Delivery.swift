public import Domain
public import KafkaClient
public import Telemetry
import Topics

/// One attempt at one message.
public struct Delivery: Sendable {
    /// The message as it first came: topic, partition, offset and headers are those of its first delivery, also when it is read from a
    /// retry topic or a redrive topic.
    public let message: KafkaMessage
    /// What makes the message one of a kind: its `ce_id`, else `topic/partition/offset` of its first delivery.
    public let id: String
    /// 1 for the first delivery; it counts over the retry topics.
    public let attempt: Int
    /// When the first attempt failed; nil at the first attempt.
    public let firstFailure: Timestamp?
    /// The trace of whoever sent it, one span on.
    public let trace: TraceContext
    /// Not before this moment of the worker's clock, in ms since 1970; nil outside the retry topics.
    let dueMs: Int64?

    /// Makes one by hand, as tests of handlers do.
    public init(_ message: KafkaMessage, attempt: Int = 1, firstFailure: Timestamp? = nil) {
        self.init(original: message, attempt: attempt, firstFailure: firstFailure, dueMs: nil)
    }

    /// Reads what was consumed: from a topic of the worker's, from one of its retry topics, or from its redrive topic, where all attempts are new.
    init(consumed message: KafkaMessage, retryTopics: Set<String>, redriveTopic: String? = nil) {
        guard retryTopics.contains(message.topic) else {
            self.init(original: message.topic == redriveTopic ? message.firstDelivered : message, attempt: 1, firstFailure: nil, dueMs: nil)
            return
        }
        func number(_ name: String) -> Int64? { message.headers.text(name).flatMap { Int64($0) } }
        let original = message.firstDelivered
        // Whatever stands in a header, an attempt after a failure is not the first.
        let failed = max(1, number(DeadLetterHeader.attempts.rawValue).flatMap { Int(exactly: $0) } ?? 1)
        self.init(
            original: original, attempt: min(failed, 1_000_000) + 1, firstFailure: number(RetryHeader.sinceMs.rawValue).map { Timestamp(ms: $0) },
            dueMs: number(RetryHeader.dueMs.rawValue))
    }

    private init(original: KafkaMessage, attempt: Int, firstFailure: Timestamp?, dueMs: Int64?) {
        message = original
        id = original.headers.text("ce_id") ?? "\(original.topic)/\(original.partition)/\(original.offset)"
        self.attempt = attempt
        self.firstFailure = firstFailure
        trace = original.headers.text("traceparent").flatMap { TraceContext(header: $0) }?.child() ?? TraceContext()
        self.dueMs = dueMs
    }
}

extension KafkaMessage {
    /// The message as it first came, of one that is read from a retry topic or a redrive topic: where it came from is in headers, which go.
    var firstDelivered: KafkaMessage {
        func number(_ header: DeadLetterHeader) -> Int64? { headers.text(header.rawValue).flatMap { Int64($0) } }
        return KafkaMessage(
            topic: headers.text(DeadLetterHeader.topic.rawValue) ?? topic, partition: number(.partition).flatMap { Int32(exactly: $0) } ?? partition,
            offset: number(.offset) ?? offset, key: key, value: value,
            headers: headers.filter { !DeadLetterHeader.contains($0.name) && !RetryHeader.contains($0.name) }, timestampMs: timestampMs)
    }
}

/// The headers that a record on a retry topic has beside those of a dead letter.
enum RetryHeader: String, CaseIterable {
    /// When it may be tried again, in ms since 1970.
    case dueMs = "retry_due_ms"
    /// When it failed first, in ms since 1970.
    case sinceMs = "retry_since_ms"

    private static let names = Set(allCases.map(\.rawValue))

    static func contains(_ name: String) -> Bool { names.contains(name) }
}
