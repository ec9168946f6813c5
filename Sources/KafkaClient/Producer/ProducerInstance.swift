internal import CRdkafka
import Synchronization

/// One generation of the C producer with its topic objects; a fatal error ends it and the next takes its place.
final class ProducerInstance: Sendable {
    /// How many topic names are cached; the declared topics are a few dozen.
    static let maxTopics = 1_000

    let client: ClientHandle
    /// Delivery reports, errors and logs.
    let events: QueueHandle
    private let topics: Mutex<[String: TopicHandle]>

    init(_ configuration: KafkaProducerConfiguration) throws(KafkaError) {
        var settings = ClientConfiguration()
        try settings.set(configuration.settings, then: configuration.options)
        client = try settings.makeClient(RD_KAFKA_PRODUCER)
        events = QueueHandle(owning: rd_kafka_queue_get_main(client.pointer), of: client)
        topics = Mutex([:])
    }

    /// Records queued or in flight, and delivery reports not yet drained.
    var queued: Int { Int(rd_kafka_outq_len(client.pointer)) }

    /// The cached topic object, made on first use.
    func topic(_ name: String) throws(KafkaError) -> TopicHandle {
        let result: Result<TopicHandle, KafkaError> = topics.withLock { topics in
            if let known = topics[name] { return .success(known) }
            do throws(KafkaError) {
                guard topics.count < Self.maxTopics else {
                    throw KafkaError(.invalidArgument, operation: "produce", message: "more than \(Self.maxTopics) topics")
                }
                let made = try TopicHandle(name, of: client)
                topics[name] = made
                return .success(made)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Hands one record to librdkafka, which copies it; `delivery` is released by the delivery report, or here on failure.
    func produce(_ record: KafkaRecord, topic: TopicHandle, delivery: Delivery) -> rd_kafka_resp_err_t {
        var headers: OpaquePointer?
        if !record.headers.isEmpty {
            headers = rd_kafka_headers_new(record.headers.count)
            for header in record.headers { Self.add(header, to: headers) }
        }
        let opaque = Unmanaged.passRetained(delivery)
        let response = record.key.withBytes { key in
            record.value.withBytes { value in
                crdkafka_produce(
                    client.pointer, topic.pointer, record.partition ?? -1, record.key == nil ? 0 : 1, key.baseAddress, key.count,
                    record.value == nil ? 0 : 1, value.baseAddress, value.count, record.timestampMs ?? 0, headers, opaque.toOpaque())
            }
        }
        if response != RD_KAFKA_RESP_ERR_NO_ERROR { opaque.release() }
        return response
    }

    private static func add(_ header: KafkaHeader, to headers: OpaquePointer?) {
        var name = header.name
        name.withUTF8 { name in
            name.withMemoryRebound(to: CChar.self) { name in
                header.value.withUnsafeBytes { value in
                    _ = rd_kafka_header_add(headers, name.baseAddress, name.count, value.baseAddress, value.count)
                }
            }
        }
    }

    /// Fails everything that is queued or in flight; the delivery reports come through ``events``.
    func purge() {
        rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    }

    /// Blocks until everything queued has its report or the limit has passed; another thread must drain ``events`` meanwhile.
    func flush(_ limit: Duration) {
        rd_kafka_flush(client.pointer, limit.clampedMilliseconds)
    }
}

extension [UInt8]? {
    /// The bytes, or an empty buffer for nil.
    fileprivate func withBytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        switch self {
        case .some(let bytes): bytes.withUnsafeBytes(body)
        case .none: body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }
}

/// What librdkafka carries for a record until its report: who wants to know.
final class Delivery: Sendable {
    let topic: TopicHandle
    let onDelivery: @Sendable (Result<KafkaAck, KafkaError>) -> Void

    init(topic: TopicHandle, onDelivery: @escaping @Sendable (Result<KafkaAck, KafkaError>) -> Void) {
        self.topic = topic
        self.onDelivery = onDelivery
    }
}
