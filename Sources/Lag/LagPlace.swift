import KafkaClient

/// One group's partition.
struct LagPlace: Sendable, Hashable {
    let group: String
    let partition: KafkaTopicPartition
}
