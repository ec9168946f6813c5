import Foundation
public import KafkaClient
import Synchronization

extension KafkaConsumer {
    /// Reads until `count` messages have come or the limit has passed.
    public func collect(_ count: Int, limit: Duration = .seconds(20)) async throws -> [KafkaMessage] {
        var messages: [KafkaMessage] = []
        let end = ContinuousClock.now + limit
        while messages.count < count, ContinuousClock.now < end {
            let batch = try await next(max: 10_000, wait: .milliseconds(200))
            messages += batch.messages
            for case .revoked in batch.rebalances { acknowledgeRevoke() }
        }
        return messages
    }

    /// Waits for a rebalance that fits, keeping no messages.
    public func rebalance(limit: Duration = .seconds(20), where fits: (KafkaRebalance) -> Bool) async throws -> KafkaRebalance? {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            for change in try await next(max: 1, wait: .milliseconds(100)).rebalances where fits(change) { return change }
        }
        return nil
    }
}

/// Waits for a condition with a limit; returns whether it came true.
public func eventually(_ limit: Duration = .seconds(10), _ condition: () async throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}

extension KafkaRecord {
    public init(_ topic: String, _ key: String, _ value: String, partition: Int32? = nil) {
        self.init(topic: topic, partition: partition, key: Array(key.utf8), value: Array(value.utf8))
    }
}

/// Counts from many threads.
public final class Tally: Sendable {
    private let state = Mutex((count: 0, failed: 0))

    public init() {}

    public func add(_ result: Result<KafkaAck, KafkaError>) {
        state.withLock { state in
            state.count += 1
            if case .failure = result { state.failed += 1 }
        }
    }

    public var count: Int { state.withLock { $0.count } }
    public var failed: Int { state.withLock { $0.failed } }
}
