import KafkaClient
import Logging
import Telemetry

/// Collects batches from the consumer, has them processed, and commits.
struct BatchLoop<Handler: BatchHandler>: Sendable {
    let processor: BatchProcessor<Handler>
    /// The name of the topic whose records were delivered elsewhere first.
    let redriveTopic: String?
    let consumer: KafkaConsumer
    let configuration: WorkerConfiguration
    let control: WorkerControl
    let offsets: Offsets
    let logger: Logger

    /// The longest wait for a first message, so that a shutdown is noticed.
    static var idleWait: Duration { .milliseconds(200) }

    /// Runs until the worker drains.
    func run() async throws {
        while !control.isDraining {
            let collected: Collected
            do {
                collected = try await collect()
                control.resumed()
            } catch {
                try await outlast(error)
                continue
            }
            if !collected.messages.isEmpty {
                let (consumer, generation) = (consumer, collected.generation)
                do {
                    try await processor.process(asDeliveredFirst(collected.messages)) { consumer.generation != generation }
                    offsets.done(collected.messages)
                } catch .abandoned {
                    logger.debug("batch handed back", metadata: Logger.Metadata([.count: "\(collected.messages.count)"]))
                } catch .fatal(let failure) {
                    throw WorkerError(.fatal, operation: "handle", message: failure.message, underlying: failure)
                }
            }
            await offsets.commit()
            if collected.isRevoked {
                offsets.forget()
                consumer.acknowledgeRevoke()
            }
        }
        await offsets.commit()
    }

    private struct Collected {
        var messages: [KafkaMessage] = []
        var generation = 0
        var isRevoked = false
    }

    /// Takes messages until the window has passed since the first, the batch is full, or partitions go away.
    private func collect() async throws(KafkaError) -> Collected {
        var collected = Collected()
        var end: ContinuousClock.Instant?
        var bytes = 0
        while true {
            let now = ContinuousClock.now
            let wait = end.map { max(.zero, now.duration(to: $0)) } ?? Self.idleWait
            let batch = try await consumer.next(
                max: configuration.maxMessages - collected.messages.count, maxBytes: configuration.maxBytes - bytes, wait: wait)
            for change in batch.rebalances {
                switch change {
                case .assigned(let partitions):
                    offsets.assigned(partitions)
                    control.started()
                    logger.info("partitions assigned", metadata: Logger.Metadata([.count: "\(partitions.count)"]))
                case .revoked(let partitions, let lost):
                    logger.info(
                        "partitions revoked", metadata: Logger.Metadata([.count: "\(partitions.count)", .outcome: lost ? "lost" : "orderly"]))
                    // What was collected before is dropped when it is stale; the rest goes on below.
                    if lost { collected.messages = [] }
                    collected.isRevoked = true
                }
            }
            collected.messages += batch.messages
            collected.generation = batch.generation
            for message in batch.messages { bytes += (message.key?.count ?? 0) + (message.value?.count ?? 0) }
            if collected.isRevoked { return collected }
            if batch.messages.isEmpty || collected.messages.count >= configuration.maxMessages || bytes >= configuration.maxBytes { return collected }
            if end == nil { end = now + min(configuration.window, WorkerConfiguration.longestWindow) }
        }
    }

    private func asDeliveredFirst(_ messages: [KafkaMessage]) -> [KafkaMessage] {
        guard messages.contains(where: { $0.topic == redriveTopic }) else { return messages }
        return messages.map { $0.topic == redriveTopic ? $0.firstDelivered : $0 }
    }

    /// Waits after an error of the consumer, unless the worker must stop.
    private func outlast(_ error: KafkaError) async throws {
        if error.code == .closed || error.code == .cancelled {
            if control.isDraining { return }
            throw CancellationError()
        }
        let failure = Failure(error)
        if failure.disposition == .fatal { throw WorkerError(.fatal, operation: "consume", message: error.message, underlying: error) }
        control.paused(failure)
        logger.warning("consumer failed", metadata: Logger.Metadata([.errorClass: "\(failure.label)", .error: "\(failure.message)"]))
        _ = await control.wait(configuration.outageDelay(0)) { false }
    }
}
