internal import CRdkafka
public import Logging
public import ServiceLifecycle
import Synchronization
import Threads

/// An idempotent producer (`acks=all`) over librdkafka that outlives lost brokers and fatal client errors.
///
/// It works from `init` until ``shutdown(flush:)``, which must be called: two threads end there. As a `Service`, `run()` does that on a graceful
/// shutdown. A record whose report is a time-out or a reset may have been written nonetheless; consumers recognise a second copy by its id.
public final class KafkaProducer: Sendable, Service {
    let core: ProducerCore
    private let thread: Mutex<OwnedThread?>
    private let finished: AsyncFlag

    /// Makes the producer; it connects in the background.
    /// - Throws: `.invalidConfiguration`, or `.resources` without a thread.
    public init(configuration: KafkaProducerConfiguration, logger: Logger) throws(KafkaError) {
        let core = try ProducerCore(configuration, logger: logger)
        let finished = AsyncFlag()
        self.core = core
        self.finished = finished
        do {
            thread = Mutex(
                try OwnedThread(name: "kafka-produce") {
                    core.poll()
                    finished.raise()
                })
        } catch {
            throw KafkaError(.resources, operation: "create producer", message: "\(error)")
        }
    }

    /// Queues a record and returns at once; this is the hot path: no hop to another thread, and librdkafka copies the bytes.
    ///
    /// `onDelivery` is called exactly once, on the producer's poll thread, together with the other reports of its batch; it must not block. It is
    /// not called when this throws.
    /// - Throws: `.queueFull` at the limit, `.unknownTopic` for a topic or partition known not to exist, `.tooLarge`, `.closed`.
    public func enqueue(_ record: KafkaRecord, onDelivery: @escaping @Sendable (Result<KafkaAck, KafkaError>) -> Void) throws(KafkaError) {
        let instance = try core.instance("produce")
        let topic = try instance.topic(record.topic)
        let response = instance.produce(record, topic: topic, delivery: Delivery(topic: topic, onDelivery: onDelivery))
        guard response != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        if instance.client.isDead {
            throw KafkaError(
                .reset, operation: "produce", message: "the producer is being replaced", underlying: String(cString: rd_kafka_err2name(response)))
        }
        throw KafkaError(response, operation: "produce")
    }

    /// Produces a record and waits for its report.
    /// - Throws: as ``enqueue(_:onDelivery:)``, and what the report says.
    public func send(_ record: KafkaRecord) async throws(KafkaError) -> KafkaAck {
        let result: Result<KafkaAck, KafkaError> = await withCheckedContinuation { continuation in
            do throws(KafkaError) {
                try enqueue(record) { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Produces records and waits for all reports; the results are in the order of the records.
    public func send(_ records: [KafkaRecord]) async -> [Result<KafkaAck, KafkaError>] {
        if records.isEmpty { return [] }
        return await withCheckedContinuation { continuation in
            let collector = DeliveryCollector(count: records.count) { continuation.resume(returning: $0) }
            for (index, record) in records.enumerated() {
                do throws(KafkaError) {
                    try enqueue(record) { collector.set(index, $0) }
                } catch {
                    collector.set(index, .failure(error))
                }
            }
        }
    }

    /// Records queued or in flight.
    public var queued: Int { core.queued }

    /// False once all brokers went away or a record timed out, true again as soon as a broker answers; one atomic load.
    public var isReachable: Bool { core.reachability.isReachable }

    /// Waits until the brokers are reachable, at most `limit`; returns whether they are.
    public func waitUntilReachable(limit: Duration) async -> Bool {
        await core.reachability.wait(limit: limit)
    }

    /// Fetches the metadata of topics, so that the first record to each does not wait for it (librdkafka #5032: up to a second).
    /// - Throws: `.unknownTopic` for one that does not exist, `.timeout` or `.unreachable` without a broker.
    public func warmUp(topics: [String], limit: Duration = .seconds(5)) async throws(KafkaError) {
        let core = core
        try await core.blocking.run("warm up") { () throws(KafkaError) in
            let instance = try core.instance("warm up")
            for name in topics {
                let topic = try instance.topic(name)
                _ = try instance.client.partitionCount(of: topic, limit: limit)
            }
        }
    }

    /// Refuses further records, lets queued ones go out for at most `flush`, fails the rest with `.reset`, and ends the threads.
    public func shutdown(flush limit: Duration) async {
        // A second caller only waits for the first one.
        guard core.beginClosing() else { return await finished.wait() }
        let core = core
        try? await core.blocking.run("flush") { () throws(KafkaError) in core.flush(limit) }
        await core.blocking.stop()
        core.stopPolling()
        await finished.wait()
        let thread = thread.withLock { $0.take() }
        // The body has returned, so this does not block.
        thread?.join()
    }

    /// Runs until a graceful shutdown or cancellation, then shuts down.
    public func run() async throws {
        try? await gracefulShutdown()
        await shutdown(flush: core.configuration.shutdownFlush)
    }
}

/// Gathers the results of many records and hands them on when the last one is there.
private final class DeliveryCollector: Sendable {
    private struct State {
        var results: [Result<KafkaAck, KafkaError>]
        var missing: Int
    }

    private let state: Mutex<State>
    private let done: @Sendable ([Result<KafkaAck, KafkaError>]) -> Void

    init(count: Int, done: @escaping @Sendable ([Result<KafkaAck, KafkaError>]) -> Void) {
        let pending = KafkaError(.other, operation: "deliver", message: "no report yet")
        state = Mutex(State(results: Array(repeating: .failure(pending), count: count), missing: count))
        self.done = done
    }

    func set(_ index: Int, _ result: Result<KafkaAck, KafkaError>) {
        let all: [Result<KafkaAck, KafkaError>]? = state.withLock { state in
            state.results[index] = result
            state.missing -= 1
            return state.missing == 0 ? state.results : nil
        }
        if let all { done(all) }
    }
}
