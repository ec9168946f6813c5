import BookingEngine
import Domain
import Logging
import RedisClient
import ServiceLifecycle
import Synchronization

/// Ends the holds whose time has come, in batches; of many copies one sees to a shard, by a lease.
struct DueHolds: Service {
    /// How long a lease lasts when its holder dies.
    private static let lease: Duration = .seconds(3)
    /// How often the due holds are looked for, and the leases prolonged.
    private static let interval: Duration = .milliseconds(200)
    /// Holds ended at a time, over all shards; Redis is busy with them for some 20 ms.
    private static let batch = 500

    let owner: String
    let engine: BookingEngine
    let publisher: OutboxPublisher
    let logger: Logger

    func run() async throws {
        let leases = Leases(purpose: "expiry", owner: owner, length: Self.lease, redis: engine.redis)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let held = try await leases.take(Shard.all)
                    while try await releaseSome(held), !Task.isCancelled { _ = try await leases.take(held) }
                } catch {
                    logger.debug("due holds were not looked for", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
        await leases.release()
    }

    /// Ends one batch.
    /// - Returns: whether there may be more.
    private func releaseSome(_ shards: [Shard]) async throws(EngineError) -> Bool {
        let due = try await engine.due(shards, limit: Self.batch)
        if due.isEmpty { return false }
        var entries: [OutboxEntry] = []
        var failed = 0
        for start in stride(from: 0, to: due.count, by: Self.batch) {
            for result in try await engine.release(Array(due[start..<min(start + Self.batch, due.count)])) {
                switch result {
                case .success(.released(let entry)): entries.append(entry)
                case .success: break
                case .failure(let error):
                    failed += 1
                    logger.error("a hold could not be ended", metadata: ["error": "\(error)"])
                }
            }
            publisher.publishWithoutWaiting(entries)
            entries.removeAll(keepingCapacity: true)
        }
        // What fails stays due; it must not be asked for again and again without a pause.
        return failed == 0 && due.count >= Self.batch
    }
}
