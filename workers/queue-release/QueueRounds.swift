import BookingEngine
import Domain
import Logging
import Metrics
import RedisClient
import ServiceLifecycle
import Telemetry

/// Does the rounds of all lines, once a second; of many copies one sees to a shard, by a lease, which only saves work: a round is safe to do twice.
struct QueueRounds: Service {
    /// How long a lease lasts when its holder dies: for so long its lines stand still.
    static let lease: Duration = .seconds(3)
    /// How often it is looked for lines, and the longest time between two rounds of one.
    static let interval: Duration = .seconds(1)
    /// Lines in one write to Redis.
    private static let linesAtOnce = 16

    let owner: String
    let engine: BookingEngine
    let publisher: OutboxPublisher
    let logger: Logger

    func run() async throws {
        let leases = Leases(purpose: "queue", owner: owner, length: Self.lease, redis: engine.redis)
        await cancelWhenGracefulShutdown {
            var gauges: [EventID: Meter] = [:]
            var next = ContinuousClock.now
            while !Task.isCancelled {
                var wait = Self.interval
                do {
                    let held = try await leases.take(Shard.all)
                    wait = try await round(of: try await engine.lines(held), &gauges)
                } catch {
                    logger.debug("a round was not done", metadata: ["error": "\(error)"])
                }
                // From one beat to the next, not from the end of a round: what a round takes must not slow the line down.
                next = max(next + wait, ContinuousClock.now)
                try? await Task.sleep(until: next)
            }
        }
        await leases.release()
    }

    /// - Returns: when the next round is due.
    private func round(of events: [EventID], _ gauges: inout [EventID: Meter]) async throws(EngineError) -> Duration {
        var wait = Self.interval
        for (event, gauge) in gauges where !events.contains(event) {
            gauge.destroy()
            gauges[event] = nil
        }
        for start in stride(from: 0, to: events.count, by: Self.linesAtOnce) {
            let some = Array(events[start..<min(start + Self.linesAtOnce, events.count)])
            for (event, result) in zip(some, try await engine.admit(some)) {
                switch result {
                case .success(let report):
                    publisher.publishWithoutWaiting(report.told)
                    wait = min(wait, report.hasMore ? .zero : report.next)
                    if report.isOver {
                        gauges.removeValue(forKey: event)?.destroy()
                    } else {
                        let gauge = gauges[event] ?? MetricName.queueWaiting.gauge(event.description)
                        gauges[event] = gauge
                        gauge.set(Double(report.waiting))
                    }
                    if report.isOutboxFull { logger.warning("nobody is admitted while the outbox is full", metadata: ["event.id": "\(event)"]) }
                case .failure(let error):
                    // The others' rounds go on.
                    logger.error("a line stands still", metadata: ["event.id": "\(event)", "error": "\(error)"])
                }
            }
        }
        return wait
    }
}
