import Domain
import KafkaClient
import Logging
import ServiceLifecycle
import Telemetry

/// Each second wakes what waits for its time: sagas, refunds and cancelled events. All copies do; a row is woken by one.
struct Clock: Service {
    /// How often rows are looked for.
    private static let interval: Duration = .seconds(1)
    /// How many looks pass between two counts of the open sagas.
    private static let looksPerCount = 10

    let rows: WakeStore
    let store: PaymentStore
    /// Sends messages and returns once Kafka has them. What it has not is woken again at the rows' next time.
    let send: @Sendable ([KafkaRecord]) async throws -> Void
    let now: @Sendable () -> Timestamp
    let metrics: PaymentMetrics
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var looks = 0
            while !Task.isCancelled {
                do {
                    // A full batch says that there is more.
                    while try await wake() >= WakeStore.batch, !Task.isCancelled {}
                    if looks % Self.looksPerCount == 0 { metrics.open.set(try await store.openCount()) }
                } catch {
                    logger.warning("what waits for its time was not woken", metadata: Logger.Metadata([.error: "\(error)"]))
                }
                looks += 1
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Wakes one batch.
    /// - Returns: how many rows.
    func wake() async throws -> Int {
        let records = try await rows.due(at: now())
        if !records.isEmpty { try await send(records) }
        return records.count
    }
}
