internal import CRdkafka
public import Logging
import Synchronization

/// An administrator's client: topics, their settings and offsets, and consumer groups.
///
/// Calls run one after the other on a thread of its own, each bounded by the configuration's limit. ``shutdown()`` ends the thread.
/// All calls throw `.unreachable` or `.timeout` without a broker and `.closed` after the shutdown.
public final class KafkaAdmin: Sendable {
    let configuration: KafkaAdminConfiguration
    private let logger: Logger
    private let client: ClientReference
    private let blocking = BlockingThread(name: "kafka-admin")

    /// Makes the client; it connects with the first call.
    /// - Throws: `.invalidConfiguration`.
    public init(configuration: KafkaAdminConfiguration, logger: Logger) throws(KafkaError) {
        var settings = ClientConfiguration()
        try settings.set(configuration.settings, then: configuration.options)
        self.configuration = configuration
        self.logger = logger
        client = ClientReference(try settings.makeClient(RD_KAFKA_PRODUCER))
    }

    /// Ends the client; calls that wait finish before.
    public func shutdown() async {
        let client = client
        _ = try? await blocking.run("shutdown") { () throws(KafkaError) in client.drop() }
        await blocking.stop()
    }

    /// Runs a blocking question on the client's thread.
    func ask<T: Sendable>(
        _ operation: String, _ body: @escaping @Sendable (_ client: ClientHandle, _ limit: Duration) throws(KafkaError) -> T
    ) async throws(KafkaError) -> T {
        let (client, logger, limit) = (client, logger, configuration.limit)
        return try await blocking.run(operation) { () throws(KafkaError) in
            let handle = try client.handle(operation)
            // Nobody else drains the logs of this client.
            let main = QueueHandle(owning: rd_kafka_queue_get_main(handle.pointer), of: handle)
            defer { while let event = main.poll(milliseconds: 0) { if event.type == RD_KAFKA_EVENT_LOG { event.log(to: logger) } } }
            return try body(handle, limit)
        }
    }
}

/// The options of one administrative request.
struct AdminOptions: ~Copyable {
    let pointer: OpaquePointer?

    init(_ operation: rd_kafka_admin_op_t, client: ClientHandle, limit: Duration) {
        pointer = rd_kafka_AdminOptions_new(client.pointer, operation)
        var text = [CChar](repeating: 0, count: ClientHandle.errorTextBytes)
        rd_kafka_AdminOptions_set_request_timeout(pointer, limit.clampedMilliseconds, &text, text.count)
        // Wait for the controller to have carried it out, where the operation knows such a wait.
        if [RD_KAFKA_ADMIN_OP_CREATETOPICS, RD_KAFKA_ADMIN_OP_DELETETOPICS, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS].contains(operation) {
            rd_kafka_AdminOptions_set_operation_timeout(pointer, limit.clampedMilliseconds, &text, text.count)
        }
    }

    deinit {
        rd_kafka_AdminOptions_destroy(pointer)
    }
}

extension ClientHandle {
    /// Starts an administrative request and waits for its one answer.
    func perform(
        _ name: String, _ operation: rd_kafka_admin_op_t, limit: Duration, start: (_ options: OpaquePointer?, _ queue: OpaquePointer) -> Void
    ) throws(KafkaError) -> Event {
        let queue = QueueHandle(owning: rd_kafka_queue_new(pointer), of: self)
        let options = AdminOptions(operation, client: self, limit: limit)
        start(options.pointer, queue.pointer)
        // librdkafka answers at its own limit; a little more covers the way back.
        guard let event = queue.poll(milliseconds: (limit + .seconds(1)).clampedMilliseconds) else {
            throw KafkaError(.timeout, operation: name, message: "no answer in time")
        }
        if let error = event.error(operation: name) { throw error }
        return event
    }
}

/// Throws the first error among per-topic results.
func checkTopicResults(_ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, operation: String) throws(KafkaError) {
    for index in 0..<count {
        guard let result = results?[index] else { continue }
        let response = rd_kafka_topic_result_error(result)
        if response != RD_KAFKA_RESP_ERR_NO_ERROR {
            throw KafkaError(response, operation: operation, detail: rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
        }
    }
}
