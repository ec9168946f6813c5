import Domain
import KafkaClient
import Topics

/// A message that is given up, and why.
struct DeadLetter: Sendable {
    let message: KafkaMessage
    let failure: Failure
    let attempts: Int
    let firstFailureMs: Int64
    let lastFailureMs: Int64
}

extension DeadLetter {
    /// How much of an error's text is kept, in bytes.
    static let maxErrorBytes = 1_024

    /// The record for the DLQ: key, value, headers and time are the original's, byte for byte; the failure is in further headers.
    func record(topic: String, group: String, build: String) -> KafkaRecord {
        // A message that was redriven and failed again says how it failed last, and keeps how often it was redriven.
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
                case .error: String(decoding: failure.message.utf8.prefix(Self.maxErrorBytes), as: UTF8.self)
                case .group: group
                case .build: build
                case .site: failure.site
                }
            headers.append(KafkaHeader(name: header.rawValue, text: text))
        }
        return KafkaRecord(topic: topic, key: message.key, value: message.value, headers: headers, timestampMs: message.timestampMs)
    }
}
