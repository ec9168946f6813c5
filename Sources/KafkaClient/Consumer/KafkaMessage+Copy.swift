internal import CRdkafka

extension KafkaMessage {
    /// Copies a message out of librdkafka's memory.
    init(copying message: UnsafePointer<rd_kafka_message_t>, topic: String, withValue: Bool) {
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let timestamp = rd_kafka_message_timestamp(message, &kind)
        self.init(
            topic: topic, partition: message.pointee.partition, offset: message.pointee.offset,
            key: [UInt8](copying: message.pointee.key, count: message.pointee.key_len),
            value: withValue ? [UInt8](copying: message.pointee.payload, count: message.pointee.len) : nil,
            headers: withValue ? Self.headers(of: message) : [],
            timestampMs: kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : timestamp)
    }

    private static func headers(of message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        let count = rd_kafka_header_cnt(list)
        var headers: [KafkaHeader] = []
        headers.reserveCapacity(count)
        for index in 0..<count {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            guard rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name else { break }
            headers.append(KafkaHeader(name: String(cString: name), value: [UInt8](copying: value, count: size) ?? []))
        }
        return headers
    }
}

extension [UInt8] {
    /// Copies bytes; nil for a null pointer, which is Kafka's null.
    fileprivate init?(copying start: UnsafeRawPointer?, count: Int) {
        guard let start else { return nil }
        self.init(UnsafeRawBufferPointer(start: start, count: count))
    }
}
