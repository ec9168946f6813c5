internal import CRdkafka

/// librdkafka's settings object, owned until a client takes it over.
struct ClientConfiguration: ~Copyable {
    private var pointer: OpaquePointer?

    init() {
        pointer = rd_kafka_conf_new()
    }

    deinit {
        if let pointer { rd_kafka_conf_destroy(pointer) }
    }

    /// Sets one value by librdkafka's name for it.
    /// - Throws: `.invalidConfiguration` with librdkafka's explanation.
    func set(_ name: String, _ value: String) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: ClientHandle.errorTextBytes)
        guard rd_kafka_conf_set(pointer, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
            throw KafkaError(.invalidConfiguration, operation: "configure", message: text.terminated)
        }
    }

    /// Sets many values; the caller's own go last so that they win.
    func set(_ values: [(String, String)], then overrides: [String: String]) throws(KafkaError) {
        for (name, value) in values { try set(name, value) }
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) { try set(name, value) }
    }

    /// Makes the client, which takes the settings over; they stay ours when that fails.
    /// - Throws: `.invalidConfiguration` for settings that exclude each other, `.resources` when threads cannot be started.
    mutating func makeClient(_ type: rd_kafka_type_t) throws(KafkaError) -> ClientHandle {
        let events =
            RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE
            | RD_KAFKA_EVENT_OFFSET_COMMIT
        rd_kafka_conf_set_events(pointer, events)
        try set("log.queue", "true")
        var text = [CChar](repeating: 0, count: ClientHandle.errorTextBytes)
        guard let client = rd_kafka_new(type, pointer, &text, text.count) else {
            let code: KafkaError.Code = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? .resources : .invalidConfiguration
            throw KafkaError(code, operation: "create client", message: text.terminated)
        }
        pointer = nil
        return ClientHandle(owning: client, isConsumer: type == RD_KAFKA_CONSUMER)
    }
}

extension [CChar] {
    /// The text up to the terminating zero.
    var terminated: String { String(decoding: prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}
