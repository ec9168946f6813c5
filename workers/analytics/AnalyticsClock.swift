import Analytics
import Domain
import Logging
import PostgresClient
import ServiceLifecycle

/// Sees to partitions and retention, at the start and now and then.
struct AnalyticsClock: Service {
    /// The pause between two looks, and the one after a look that failed.
    private static let pause = (usual: Duration.seconds(600), afterFailure: Duration.seconds(10))

    let upkeep: AnalyticsUpkeep
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var pause = Self.pause.usual
                do {
                    let report = try await upkeep.run(now: Timestamp(ms: WallClock.nowMs()))
                    if report.droppedPartitions > 0 || report.droppedDays > 0 {
                        logger.info(
                            "dropped what is older than is kept",
                            metadata: ["partitions": "\(report.droppedPartitions)", "days": "\(report.droppedDays)"])
                    }
                } catch {
                    logger.debug("partitions cannot be seen to just now", metadata: ["error": "\(error)"])
                    pause = Self.pause.afterFailure
                }
                try? await Task.sleep(for: pause)
            }
        }
    }
}
