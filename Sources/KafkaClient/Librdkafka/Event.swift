internal import CRdkafka
import Logging

/// The owner of one event taken from a queue, with everything that it points to.
struct Event: ~Copyable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        rd_kafka_event_destroy(pointer)
    }

    /// One of librdkafka's `RD_KAFKA_EVENT_…`.
    var type: Int32 { rd_kafka_event_type(pointer) }

    /// The event's own error, `NO_ERROR` where it has none.
    var response: rd_kafka_resp_err_t { rd_kafka_event_error(pointer) }

    /// The event's error as ours, or nil.
    func error(operation: String) -> KafkaError? {
        let response = response
        guard response != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(response, operation: operation, detail: rd_kafka_event_error_string(pointer).map { String(cString: $0) })
    }

    /// Passes a log event on, always at debug: what matters also arrives as an error.
    func log(to logger: Logger) {
        guard logger.logLevel <= .debug else { return }
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        guard rd_kafka_event_log(pointer, &facility, &text, &level) == 0, let facility, let text else { return }
        logger.debug(
            "librdkafka",
            metadata: [
                "kafka.facility": .string(String(cString: facility)), "kafka.text": .string(String(cString: text)), "kafka.syslog_level": "\(level)",
            ])
    }
}
