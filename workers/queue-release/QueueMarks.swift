import BookingEngine
import Domain
import Logging
import ServiceLifecycle

/// Writes to Redis how far it knows `queue.events`, so that a recovery need not read the topic from its beginning.
struct QueueMarks: Service {
    static let interval: Duration = .seconds(5)

    let engine: BookingEngine
    /// Per partition of queue.events.
    let endOffsets: @Sendable () async throws -> [Int32: Int64]
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last: [Int32: Int64] = [:]
            while !Task.isCancelled {
                do {
                    let ends = try await endOffsets()
                    if ends != last, try await engine.writeQueueMarks(Shard.all, ends) { last = ends }
                } catch {
                    logger.debug("the marks were not written", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }
}
