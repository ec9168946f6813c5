import KafkaClient
import Testing

/// The payment worker against real stores; they are shared, so its tests come one after another.
@Suite(.serialized) enum PaymentTests {}

enum KafkaTestMessage {
    static func of(_ record: KafkaRecord) -> KafkaMessage {
        KafkaMessage(
            topic: record.topic, partition: 0, offset: 0, key: record.key, value: record.value, headers: record.headers, timestampMs: 0)
    }
}
