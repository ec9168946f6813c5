internal import CRdkafka

/// The owner of one `rd_kafka_t`, which is destroyed with the last reference. Queues and topics hold a reference, so they always go first.
///
/// Destroying joins librdkafka's threads and may block for a while, so each wrapper sees to it that its own thread drops the last reference.
final class ClientHandle: @unchecked Sendable {
    // Sendable: the pointer never changes, and librdkafka documents rd_kafka_t as safe to use from any thread.
    let pointer: OpaquePointer
    private let isConsumer: Bool

    /// Room for librdkafka's explanations, in bytes; its own examples use 512.
    static let errorTextBytes = 1024

    init(owning pointer: OpaquePointer, isConsumer: Bool) {
        self.pointer = pointer
        self.isConsumer = isConsumer
        // Logs travel through the main queue, which the wrapper's thread drains.
        rd_kafka_set_log_queue(pointer, nil)
    }

    deinit {
        // A consumer was closed with a limit before; closing it again here could block without one.
        rd_kafka_destroy_flags(pointer, isConsumer ? Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) : 0)
    }

    /// Whether a fatal error has ended this client's usefulness.
    var isDead: Bool { rd_kafka_fatal_error(pointer, nil, 0) != RD_KAFKA_RESP_ERR_NO_ERROR }

    /// The reason behind a `.fatal` code.
    func fatalReason() -> (response: rd_kafka_resp_err_t, text: String) {
        var text = [CChar](repeating: 0, count: Self.errorTextBytes)
        let response = rd_kafka_fatal_error(pointer, &text, text.count)
        return (response, "\(String(cString: rd_kafka_err2name(response))): \(text.terminated)")
    }
}

/// The owner of one reference to a librdkafka queue.
final class QueueHandle: @unchecked Sendable {
    // Sendable: the pointer never changes, and queues are safe to use from any thread.
    let pointer: OpaquePointer
    private let client: ClientHandle

    init(owning pointer: OpaquePointer, of client: ClientHandle) {
        self.pointer = pointer
        self.client = client
    }

    deinit {
        rd_kafka_queue_destroy(pointer)
    }

    /// Takes the next event, waiting at most `milliseconds` on the calling thread.
    func poll(milliseconds: Int32) -> Event? {
        guard let event = rd_kafka_queue_poll(pointer, milliseconds) else { return nil }
        return Event(owning: event)
    }
}

/// The owner of one local topic object.
final class TopicHandle: @unchecked Sendable {
    // Sendable: the pointer and the name never change, and topic objects are safe to use from any thread.
    let pointer: OpaquePointer
    let name: String
    private let client: ClientHandle

    /// - Throws: what librdkafka says, for example `.invalidArgument` for an impossible name.
    init(_ name: String, of client: ClientHandle) throws(KafkaError) {
        guard let pointer = rd_kafka_topic_new(client.pointer, name, nil) else {
            throw KafkaError(rd_kafka_last_error(), operation: "topic")
        }
        self.pointer = pointer
        self.name = name
        self.client = client
    }

    deinit {
        rd_kafka_topic_destroy(pointer)
    }
}
