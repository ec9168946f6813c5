import Domain
import KafkaClient

/// A message that is given up, and why.
struct DeadLetter: Sendable {
    let message: KafkaMessage
    let failure: Failure
    let attempts: Int
    let firstFailureMs: Int64
    let lastFailureMs: Int64
}

/// The headers that a dead letter has beside those of the original (`failureHeaders` in `topics/asyncapi.yaml`).
public enum DeadLetterHeader: String, Sendable, CaseIterable {
    case topic = "dlq_topic"
    case partition = "dlq_partition"
    case offset = "dlq_offset"
    case attempts = "dlq_attempts"
    case firstFailure = "dlq_first_failure"
    case lastFailure = "dlq_last_failure"
    case errorClass = "dlq_error_class"
    case error = "dlq_error"
    case group = "dlq_group"
    case build = "dlq_build"

    /// How much of an error's text is kept, in bytes.
    static let maxErrorBytes = 1_024

    private static let names = Set(allCases.map(\.rawValue))

    /// Whether a header belongs to the failure, not to the original.
    public static func contains(_ name: String) -> Bool { names.contains(name) }
}

extension DeadLetter {
    /// The record for the DLQ: key, value, headers and time are the original's, byte for byte; the failure is in further headers.
    func record(topic: String, group: String, build: String) -> KafkaRecord {
        // A message that was redriven and failed again says how it failed last.
        var headers = message.headers.filter { !DeadLetterHeader.contains($0.name) }
        for header in DeadLetterHeader.allCases {
            let text =
                switch header {
                case .topic: message.topic
                case .partition: "\(message.partition)"
                case .offset: "\(message.offset)"
                case .attempts: "\(attempts)"
                case .firstFailure: Timestamp(ms: firstFailureMs).description
                case .lastFailure: Timestamp(ms: lastFailureMs).description
                case .errorClass: failure.label
                case .error: String(decoding: failure.message.utf8.prefix(DeadLetterHeader.maxErrorBytes), as: UTF8.self)
                case .group: group
                case .build: build
                }
            headers.append(KafkaHeader(name: header.rawValue, text: text))
        }
        return KafkaRecord(topic: topic, key: message.key, value: message.value, headers: headers, timestampMs: message.timestampMs)
    }
}
