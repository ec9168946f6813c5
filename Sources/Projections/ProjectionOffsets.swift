public import KafkaClient
public import PostgresClient

/// How far a projection has been made, as a row of each partition in `projection_offsets`.
public struct ProjectionOffsets: Sendable {
    /// The consumer group, or whatever else reads the topic.
    public let group: String
    /// The schema of the table.
    public let schema: String

    public init(group: String, schema: String = "public") {
        self.group = group
        self.schema = schema
    }

    /// Notes offsets that are higher than those that stand.
    /// - Parameter next: per partition, the offset of the message to be applied next.
    public func note(_ next: [KafkaTopicPartition: Int64], on connection: PostgresConnection) throws(PostgresError) {
        if next.isEmpty { return }
        let places = next.sorted { $0.key < $1.key }
        _ = try connection.query(
            """
            INSERT INTO \(schema).projection_offsets AS o (consumer_group, topic, partition_id, next_offset)
            SELECT $1, p.topic, p.partition_id, p.next_offset FROM unnest($2::text[], $3::int[], $4::bigint[]) AS p (topic, partition_id, next_offset)
            ON CONFLICT (consumer_group, topic, partition_id) DO UPDATE
            SET next_offset = greatest(o.next_offset, excluded.next_offset), updated_at = now()
            """,
            [
                .text(group), .textArray(places.map(\.key.topic)), .intArray(places.map { Int64($0.key.partition) }), .intArray(places.map(\.value)),
            ])
    }

    /// Per partition, the offset of the message to be applied next; partitions of which nothing was applied are left out.
    public func read(on connection: PostgresConnection) throws(PostgresError) -> [KafkaTopicPartition: Int64] {
        var offsets: [KafkaTopicPartition: Int64] = [:]
        for row in try connection.query(
            "SELECT topic, partition_id, next_offset FROM \(schema).projection_offsets WHERE consumer_group = $1", [.text(group)])
        {
            let partition = KafkaTopicPartition(topic: try row.string("topic"), partition: Int32(try row.int("partition_id")))
            offsets[partition] = try row.int64("next_offset")
        }
        return offsets
    }
}
