import CRdkafka
import Foundation
import Testing

/// librdkafka, used directly: what kcat cannot do, which ends when its broker goes away.
final class RdkafkaClient {
    /// What the delivery reports said; librdkafka calls back on the polling thread, which is the test's own.
    final class Deliveries {
        var offsets: [Int: Int64] = [:]
        var failures: [String] = []
    }

    private let handle: OpaquePointer
    private var topic: OpaquePointer?
    let deliveries = Deliveries()

    /// A client that reconnects quickly.
    init(consumer: Bool, address: String, settings: [String: String]) throws {
        let configuration = rd_kafka_conf_new()
        let quick = ["bootstrap.servers": address, "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100", "log_level": "0"]
        for (name, value) in quick.merging(settings, uniquingKeysWith: { $1 }) {
            let status = rd_kafka_conf_set(configuration, name, value, nil, 0)
            try #require(status == RD_KAFKA_CONF_OK, "\(name)=\(value)")
        }
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(deliveries).toOpaque())
        if !consumer {
            rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
                guard let message, let opaque else { return }
                let deliveries = Unmanaged<Deliveries>.fromOpaque(opaque).takeUnretainedValue()
                let text = String(decoding: UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len), as: UTF8.self)
                if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                    deliveries.offsets[Int(text) ?? -1] = message.pointee.offset
                } else {
                    deliveries.failures.append(String(cString: rd_kafka_err2str(message.pointee.err)))
                }
            }
        }
        handle = try #require(rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, configuration, nil, 0))
        if consumer { rd_kafka_poll_set_consumer(handle) }
    }

    deinit {
        if let topic { rd_kafka_topic_destroy(topic) }
        rd_kafka_destroy(handle)
    }

    /// Queues a record that holds `number`.
    func produce(_ number: Int, to name: String) {
        if topic == nil { topic = rd_kafka_topic_new(handle, name, nil) }
        let text = Array(String(number).utf8)
        _ = text.withUnsafeBytes { bytes in
            rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count, nil, 0, nil)
        }
        rd_kafka_poll(handle, 0)
    }

    /// Serves callbacks for a while.
    func poll(milliseconds: Int32) {
        rd_kafka_poll(handle, milliseconds)
    }

    /// Waits until every record is delivered or refused.
    func flush() -> Bool {
        rd_kafka_flush(handle, 15_000) == RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Joins its group for `topic`.
    func subscribe(_ topic: String) {
        let list = rd_kafka_topic_partition_list_new(1)
        rd_kafka_topic_partition_list_add(list, topic, -1)
        rd_kafka_subscribe(handle, list)
        rd_kafka_topic_partition_list_destroy(list)
    }

    /// Partitions assigned at present.
    var assignedCount: Int {
        var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
        rd_kafka_assignment(handle, &list)
        defer { rd_kafka_topic_partition_list_destroy(list) }
        return Int(list?.pointee.cnt ?? 0)
    }

    /// The number in the next record, or nil when none came in `milliseconds`.
    func consume(milliseconds: Int32) -> Int? {
        guard let message = rd_kafka_consumer_poll(handle, milliseconds) else { return nil }
        defer { rd_kafka_message_destroy(message) }
        guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return Int(String(decoding: UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len), as: UTF8.self))
    }

    /// Leaves the group.
    func close() {
        rd_kafka_consumer_close(handle)
    }
}
